//! Places of a tree that weigh: which few folders and files together say where something is. A
//! folder stands for what is in it unless something within it weighs enough to be told by itself.

use std::collections::BTreeMap;

use crate::model::time::Stamp;

/// What is in a place: all of it, with everything below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Bytes on the disk.
    pub(super) bytes: u64,
    /// Files and folders.
    pub(super) entries: u64,
    /// Bytes of files that were written to lately.
    pub(super) recent_bytes: u64,
    /// Those files.
    pub(super) recent_files: u64,
    /// Of their bytes those of files that came to be lately.
    pub(super) new_bytes: u64,
    /// When the last of them was written to.
    pub(super) newest: Stamp,
}

impl Weight {
    pub(super) fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.entries = self.entries.saturating_add(other.entries);
        self.recent_bytes = self.recent_bytes.saturating_add(other.recent_bytes);
        self.recent_files = self.recent_files.saturating_add(other.recent_files);
        self.new_bytes = self.new_bytes.saturating_add(other.new_bytes);
        self.newest = self.newest.max(other.newest);
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            entries: self.entries.saturating_sub(other.entries),
            recent_bytes: self.recent_bytes.saturating_sub(other.recent_bytes),
            recent_files: self.recent_files.saturating_sub(other.recent_files),
            new_bytes: self.new_bytes.saturating_sub(other.new_bytes),
            newest: self.newest,
        }
    }
}

/// A folder or file.
#[derive(Debug)]
struct Place {
    name: Vec<u8>,
    parent: usize,
    is_folder: bool,
    weight: Weight,
}

/// The places that were kept, parents before what is in them.
#[derive(Debug, Default)]
pub(super) struct Tree(Vec<Place>);

/// A place that is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heavy {
    /// From the top of the tree, with a slash at its end for a folder.
    pub(super) path: Vec<u8>,
    /// Without what is told by itself below it.
    pub(super) weight: Weight,
    /// Whether something below it is told by itself.
    pub(super) is_rest: bool,
}

impl Tree {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a place; the top is its own parent.
    pub(super) fn push(&mut self, name: Vec<u8>, parent: usize, is_folder: bool) -> usize {
        self.0.push(Place { name, parent, is_folder, weight: Weight::default() });
        self.0.len() - 1
    }

    /// Says what is in a place once that is known, or forgets the place if it is the last one.
    pub(super) fn settle(&mut self, place: usize, weight: Weight, keep: bool) {
        if !keep && place + 1 == self.0.len() {
            self.0.pop();
        } else if let Some(place) = self.0.get_mut(place) {
            place.weight = weight;
        }
    }

    /// The places that hold at least `share` of all by this measure, the heaviest first.
    pub(super) fn heaviest(&self, share: f64, measure: fn(&Weight) -> u64) -> Vec<Heavy> {
        let all = self.0.first().map_or(0, |top| measure(&top.weight));
        let mut found = Vec::new();
        // What is told by itself below a place, by the place.
        let mut told: BTreeMap<usize, Weight> = BTreeMap::new();
        for (number, place) in self.0.iter().enumerate().rev() {
            let below = told.remove(&number).unwrap_or_default();
            let own = place.weight.less(&below);
            let worth = measure(&own) > 0
                && super::told::float(measure(&own)) >= share * super::told::float(all);
            if worth {
                found.push(Heavy {
                    path: self.path(number),
                    weight: own,
                    is_rest: measure(&below) > 0,
                });
            }
            if number != place.parent {
                let taken = if worth { place.weight } else { below };
                told.entry(place.parent).or_default().add(&taken);
            }
        }
        found.sort_by(|a, b| {
            measure(&b.weight).cmp(&measure(&a.weight)).then_with(|| a.path.cmp(&b.path))
        });
        found
    }

    fn path(&self, number: usize) -> Vec<u8> {
        let mut names: Vec<&Place> = Vec::new();
        let mut next = number;
        while let Some(place) = self.0.get(next) {
            names.push(place);
            if place.parent == next {
                break;
            }
            next = place.parent;
        }
        let mut path: Vec<u8> = Vec::new();
        for place in names.iter().rev() {
            path.extend(&place.name);
            if place.is_folder && path.last() != Some(&b'/') {
                path.push(b'/');
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weight(bytes: u64) -> Weight {
        Weight { bytes, entries: 1, ..Weight::default() }
    }

    fn add(tree: &mut Tree, name: &str, parent: usize, bytes: u64) -> usize {
        let place = tree.push(name.as_bytes().to_vec(), parent, !name.contains('.'));
        tree.settle(place, weight(bytes), true);
        place
    }

    fn told(tree: &Tree, share: f64) -> Vec<(String, u64, bool)> {
        let heavy = tree.heaviest(share, |weight| weight.bytes);
        let name = |heavy: &Heavy| String::from_utf8(heavy.path.clone()).unwrap();
        heavy.iter().map(|h| (name(h), h.weight.bytes, h.is_rest)).collect()
    }

    #[test]
    fn a_folder_of_many_stands_for_them_and_one_large_file_for_itself() {
        let mut tree = Tree::default();
        let top = add(&mut tree, "/data", 0, 1000);
        let wal = add(&mut tree, "pg", top, 620);
        let wal = add(&mut tree, "wal", wal, 610);
        add(&mut tree, "000.seg", wal, 16);
        add(&mut tree, "001.seg", wal, 16);
        let backup = add(&mut tree, "backup", top, 300);
        add(&mut tree, "db.dump", backup, 180);
        let expected = [
            ("/data/pg/wal/".to_owned(), 610, false),
            ("/data/backup/db.dump".to_owned(), 180, false),
            ("/data/backup/".to_owned(), 120, true),
            ("/data/".to_owned(), 90, true),
        ];
        assert_eq!(told(&tree, 0.05), expected);
        assert_eq!(told(&tree, 0.5), [("/data/pg/wal/".to_owned(), 610, false),]);
        assert_eq!(told(&Tree::default(), 0.1), []);
        let mut empty = Tree::default();
        add(&mut empty, "/", 0, 0);
        assert_eq!(told(&empty, 0.1), []);
    }

    #[test]
    fn what_weighs_nothing_is_forgotten() {
        let mut tree = Tree::default();
        let top = tree.push(b"/".to_vec(), 0, true);
        let small = tree.push(b"small".to_vec(), top, true);
        tree.settle(small, weight(1), false);
        assert_eq!(tree.len(), 1);
        tree.settle(top, weight(1), true);
        assert_eq!(told(&tree, 0.1), [("/".to_owned(), 1, false)]);
    }

    proptest! {
        /// Nothing is told twice, and no more than there is.
        #[test]
        fn what_is_told_adds_up(parents in proptest::collection::vec((any::<prop::sample::Index>(), 0..1000_u64), 1..60)) {
            let mut own: Vec<(usize, u64)> = vec![(0, 0)];
            for (index, bytes) in &parents {
                let parent = index.index(own.len());
                own.push((parent, *bytes));
            }
            let mut total: Vec<u64> = own.iter().map(|(_, bytes)| *bytes).collect();
            for number in (1..own.len()).rev() {
                total[own[number].0] += total[number];
            }
            let mut tree = Tree::default();
            for (number, (parent, _)) in own.iter().enumerate() {
                let place = tree.push(format!("n{number}").into_bytes(), *parent, true);
                tree.settle(place, weight(total[number]), true);
            }
            for share in [0.0, 0.05, 0.3] {
                let heavy = tree.heaviest(share, |weight| weight.bytes);
                let sum: u64 = heavy.iter().map(|heavy| heavy.weight.bytes).sum();
                prop_assert!(sum <= total[0]);
                if share == 0.0 {
                    prop_assert_eq!(sum, total[0]);
                }
            }
        }
    }
}

//! A new configuration in place of the running one, at once and whole; or its refusal.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::plan::Plan;
use crate::model::text::counted;

use super::Engine;
use super::agent::{self, Fault};
use super::event::{Effect, SourceId};
use super::watch::WatchIx;

impl Engine {
    /// Takes over a validated plan. What it does not change keeps windows, states and episodes.
    pub(super) fn reload(&mut self, plan: Plan, effects: &mut Vec<Effect>) {
        let moved = self.plan.forward != plan.forward || self.plan.host != plan.host;
        self.plan = plan;
        self.config_loaded = self.now.wall;
        self.reload_refused = None;
        self.outbox.set_keep(self.plan.mail.keep);
        self.hooks.set_keep(self.plan.mail.keep);
        self.drop_contacts(effects);
        self.agent_check = Arc::new(agent::check(&self.plan));
        let used: BTreeSet<&str> =
            self.plan.checks.iter().map(|check| check.kind.spec().name).collect();
        let unused: Vec<&'static str> =
            self.kinds.keys().copied().filter(|kind| !used.contains(kind)).collect();
        for kind in unused {
            self.forget_kind(kind, effects);
        }
        self.close_unknown_checks(effects);
        let known: Vec<&'static str> = self.kinds.keys().copied().collect();
        for kind in known {
            self.assign(kind, effects);
        }
        self.learn_kinds(effects);
        let agent_check = Arc::clone(&self.agent_check);
        self.digests.reload();
        self.drop_outlets(effects);
        if moved {
            self.set_outlets(effects);
        }
        self.restore_agent(effects);
        for fault in agent::faults(&self.plan) {
            if let Some(watch) = self.ids.get(&fault.id()).and_then(|ix| self.watches.get_mut(*ix))
            {
                watch.check = Arc::clone(&agent_check);
                watch.told.retain(|(contact, _)| self.plan.contacts.contains_key(contact));
            }
        }
        self.set_fault(&Fault::Config, None, effects);
        let checks = counted(self.plan.checks.len(), "check", "checks");
        let line = format!("configuration applied: {checks}");
        effects.push(Effect::Log { level: tracing::Level::INFO, line });
    }

    /// Ends everything of a kind that no check is about any more.
    fn forget_kind(&mut self, kind: &'static str, effects: &mut Vec<Effect>) {
        let list: Vec<WatchIx> = self
            .watches
            .iter()
            .filter(|(_, watch)| watch.check.kind.spec().name == kind)
            .map(|(ix, _)| ix)
            .collect();
        for ix in list {
            self.end(ix, "its check was removed", effects);
        }
        let sources: Vec<SourceId> = self
            .schedule
            .sources
            .iter()
            .filter(|(_, source)| source.key.kind == kind)
            .map(|(id, _)| *id)
            .collect();
        for id in sources {
            self.schedule.remove(id);
            effects.push(Effect::Close(id));
        }
        self.kinds.remove(kind);
    }

    /// The configuration on disk is wrong: the running one stays, and everybody hears of it once.
    pub(super) fn refuse_reload(&mut self, why: String, effects: &mut Vec<Effect>) {
        let first = why.lines().next().unwrap_or_default().to_owned();
        let line = format!("configuration refused, the running one stays: {first}");
        effects.push(Effect::Log { level: tracing::Level::ERROR, line });
        let text = format!("configuration refused, the running one stays: {why}");
        self.reload_refused = Some(why);
        self.set_fault(&Fault::Config, Some(text), effects);
    }
}

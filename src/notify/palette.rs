//! The colours of a mail, in light and in dark. Owns them alone; every pair that text is drawn in
//! keeps the contrast that people with weak eyes need (WCAG 2.1, 1.4.3: 4.5 to 1).

use crate::notify::page::Tone;

/// A colour on a light page and on a dark one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colour {
    pub(super) light: &'static str,
    pub(super) dark: &'static str,
}

/// Around the page.
pub(super) const DESK: Colour = Colour { light: "#eef0f2", dark: "#121212" };
/// The page itself.
pub(super) const PAPER: Colour = Colour { light: "#ffffff", dark: "#1e1e1e" };
/// Behind a command.
pub(super) const CODE: Colour = Colour { light: "#f1f3f4", dark: "#2b2b2b" };
/// Text.
pub(super) const INK: Colour = Colour { light: "#1c1c1e", dark: "#eaeaea" };
/// Text that only leads to other text.
pub(super) const MUTED: Colour = Colour { light: "#5a5f66", dark: "#b3b6ba" };
/// Lines between things.
pub(super) const RULE: Colour = Colour { light: "#dfe1e5", dark: "#3a3a3a" };
/// A button, and the text on it.
pub(super) const BUTTON: Colour = Colour { light: "#0b57a4", dark: "#8ab4f8" };
/// See [`BUTTON`].
pub(super) const BUTTON_INK: Colour = Colour { light: "#ffffff", dark: "#10202f" };

/// The colour of a tone, and the name of its class.
pub(super) fn tone(tone: Tone) -> (Colour, &'static str) {
    match tone {
        Tone::Critical => (Colour { light: "#b00020", dark: "#ff8a80" }, "tc"),
        Tone::Warning => (Colour { light: "#8a4b00", dark: "#ffb74d" }, "tw"),
        Tone::Unknown => (Colour { light: "#6a1b9a", dark: "#ce93d8" }, "tu"),
        Tone::Good => (Colour { light: "#1b6e3c", dark: "#81c995" }, "tg"),
        Tone::News => (Colour { light: "#0b57a4", dark: "#8ab4f8" }, "tn"),
    }
}

/// All tones.
pub(super) const TONES: [Tone; 5] =
    [Tone::Critical, Tone::Warning, Tone::Unknown, Tone::Good, Tone::News];

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.1).
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_text_has_contrast_in_light_and_dark() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 0.01);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01, "just too little");
        let mut pairs = vec![(INK, PAPER), (INK, CODE), (MUTED, PAPER), (BUTTON_INK, BUTTON)];
        pairs.extend(TONES.map(|it| (tone(it).0, PAPER)));
        for (ink, ground) in pairs {
            for (ink, ground) in [(ink.light, ground.light), (ink.dark, ground.dark)] {
                let contrast = contrast(ink, ground);
                assert!(contrast >= 4.5, "{ink} on {ground}: {contrast:.2}");
            }
        }
    }
}

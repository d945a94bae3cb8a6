//! A picture in sixteen colours, and its file. Knows points, lines and letters, and no meaning.

use std::convert::Infallible;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;
use embedded_graphics::pixelcolor::{Gray4, GrayColor as _};
use embedded_graphics::prelude::{DrawTarget, Drawable as _, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::primitives::{Line, Primitive as _, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

/// Colours of the picture, by what they are for. Every one is told from the background and from its
/// neighbours without colour too: band lighter than line, limits dashed and labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Paper,
    Border,
    Grid,
    Letters,
    Band,
    Curve,
    Warning,
    Critical,
    Mark,
}

/// Red, green and blue of each ink, in their order.
const PALETTE: [[u8; 3]; 9] = [
    [0xfc, 0xfc, 0xfa],
    [0x8a, 0x8a, 0x8a],
    [0xe2, 0xe2, 0xe0],
    [0x33, 0x33, 0x33],
    [0xb9, 0xd3, 0xec],
    [0x12, 0x4f, 0x96],
    [0x9a, 0x5b, 0x00],
    [0xb0, 0x00, 0x20],
    [0x55, 0x55, 0x55],
];
/// Width of a letter of the font.
pub(super) const LETTER_WIDTH: i32 = 10;
/// Height of a letter of the font.
pub(super) const LETTER_HEIGHT: i32 = 20;

/// The picture.
#[derive(Debug)]
pub(super) struct Canvas {
    width: u32,
    height: u32,
    inks: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let points = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(0);
        Self { width, height, inks: vec![Ink::Paper as u8; points] }
    }

    /// A filled rectangle between two corners, both inside.
    pub(super) fn fill(&mut self, from: (i32, i32), to: (i32, i32), ink: Ink) {
        let area = Rectangle::with_corners(Point::from(from), Point::from(to));
        let Ok(()) = area.into_styled(PrimitiveStyle::with_fill(gray(ink))).draw(self);
    }

    /// The edge of the picture.
    pub(super) fn border(&mut self, ink: Ink) {
        let area = Rectangle::new(Point::zero(), self.size());
        let Ok(()) = area.into_styled(PrimitiveStyle::with_stroke(gray(ink), 2)).draw(self);
    }

    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), width: u32, ink: Ink) {
        let line = Line::new(Point::from(from), Point::from(to));
        let Ok(()) = line.into_styled(PrimitiveStyle::with_stroke(gray(ink), width)).draw(self);
    }

    /// A level line of dashes.
    pub(super) fn dashes(&mut self, (from, to): (i32, i32), y: i32, ink: Ink) {
        for start in (from..to).step_by(14) {
            self.fill((start, y), ((start + 8).min(to), y + 1), ink);
        }
    }

    /// An upright line of dashes.
    pub(super) fn upright_dashes(&mut self, x: i32, (from, to): (i32, i32), ink: Ink) {
        for start in (from..to).step_by(8) {
            self.fill((x, start), (x + 1, (start + 4).min(to)), ink);
        }
    }

    /// A line of text whose left upper corner, or middle, or right one is at a place.
    pub(super) fn text(&mut self, text: &str, (x, y): (i32, i32), side: Side, ink: Ink) {
        let alignment = match side {
            Side::Left => Alignment::Left,
            Side::Middle => Alignment::Center,
            Side::Right => Alignment::Right,
        };
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        let font = MonoTextStyle::new(&FONT_10X20, gray(ink));
        let text = Text::with_text_style(text, Point::new(x, y), font, style);
        let _ = text.draw(self);
    }

    /// The picture as a PNG; `None` only where there is no memory for it.
    pub(super) fn png(&self) -> Option<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Four);
        encoder.set_palette(PALETTE.concat());
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header().ok()?;
        let width = usize::try_from(self.width).ok()?;
        let mut packed = Vec::with_capacity(self.inks.len() / 2);
        for row in self.inks.chunks(width) {
            packed.extend(row.chunks(2).map(|pair| {
                let ink = |place: usize| pair.get(place).copied().unwrap_or(0) & 0x0f;
                (ink(0) << 4) | ink(1)
            }));
        }
        writer.write_image_data(&packed).ok()?;
        writer.finish().ok()?;
        Some(file)
    }
}

/// Which end of a text is at its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Left,
    Middle,
    Right,
}

fn gray(ink: Ink) -> Gray4 {
    Gray4::new(ink as u8)
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Gray4;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Gray4>>,
    {
        for Pixel(point, color) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if x >= self.width {
                continue;
            }
            let place = u64::from(y) * u64::from(self.width) + u64::from(x);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if let Some(ink) = self.inks.get_mut(place) {
                *ink = color.luma();
            }
        }
        Ok(())
    }
}

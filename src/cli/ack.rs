//! `hostwatch ack`: takes on a problem, so that nobody is reminded of it, or gives it back.

use super::args::Ack;
use super::screen::Screen;
use super::silence::{send, until};
use crate::engine::order::Order;

/// Gives the order.
#[must_use]
pub fn run(screen: &Screen, asked: &Ack) -> u8 {
    let id = asked.id.clone();
    let order = match (&asked.reason, asked.end) {
        (_, true) => Ok(Order::EndAck { id }),
        (Some(reason), false) => {
            until(&asked.when).map(|until| Order::Ack { id, until, reason: reason.clone() })
        }
        (None, false) => Err("say why: `--reason \"disk ordered\"`".to_owned()),
    };
    send(screen, order, asked.connect.state.as_deref())
}

//! The stream of changes: server-sent events, one for each new picture.
//!
//! Source: WHATWG HTML, "Server-sent events". An event bears the picture's number and nothing from the wire.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};

use super::Served;
use crate::Site;
use crate::access::{Here, Who};

pub async fn stream(State(site): Served, here: Here) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let numbers = WatchStream::from_changes(site.numbers()).take_while(move |_| still_may(&site, &here.who));
    let events = numbers.map(|number| Ok(Event::default().event("picture").data(number.to_string())));
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// Whether who listens is still let in; else the stream ends.
fn still_may(site: &Site, who: &Who) -> bool {
    site.access().is_none_or(|access| access.still(who))
}

/// Proxies and browsers give up a connection that says nothing for a minute.
const ALIVE: Duration = Duration::from_secs(20);

//! How far a long reading is: a bar with rate and time left, on a terminal's stderr only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spanwatch_capture::Progress;

/// Shows `progress` while `work` runs, unless nobody would see it.
pub fn during<T: Send>(progress: &Progress, is_wanted: bool, work: impl FnOnce() -> T + Send) -> T {
    let target = if is_wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(progress.total(), target);
    if bar.is_hidden() {
        return work();
    }
    bar.set_style(style(progress.total().is_some()));
    let (done, is_done) = crossbeam_channel::bounded::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The channel closes when the work is over; until then each time-out is a frame of the bar.
            while is_done.recv_timeout(REDRAWN_EVERY) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
                bar.set_position(progress.read());
            }
            bar.finish_and_clear();
        });
        let result = work();
        drop(done);
        result
    })
}

/// A bar for work that goes through so many seconds of simulated time.
pub fn of_seconds(total_s: u64, is_wanted: bool) -> ProgressBar {
    let target = if is_wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total_s), target);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} s simulated, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn style(has_end: bool) -> ProgressStyle {
    let template = if has_end {
        "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left"
    } else {
        "{spinner} {bytes} {bytes_per_sec}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

const REDRAWN_EVERY: Duration = Duration::from_millis(200);

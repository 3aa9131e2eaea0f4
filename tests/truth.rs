//! The report on the shipped sample is what really was and happened, as the lab wrote it down.

mod support;

use support::run::replay;
use support::site::Site;
use support::truth::complaints;

#[test]
fn report_on_the_sample_is_the_truth() {
    let site = Site::sample();
    let complaints = complaints(&site, &replay(&site.path));
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

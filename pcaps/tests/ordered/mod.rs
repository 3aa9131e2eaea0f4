//! What tests of incidents order.

use spanwatch_simulator::options::Options;

/// A small site in which this happens.
pub fn order(incident: &str) -> Options {
    Options {
        seed: 5,
        devices: 30,
        frame_rate: Some(2),
        bit_rate: Some(10_000),
        is_settled: true,
        incidents: vec![incident.parse().unwrap()],
        ..Options::default()
    }
}

//! Numbers of the report that are no integers: [`Decimal`].

use serde::Serialize;
use serde_json::value::RawValue;

/// A number with a fixed count of decimals, made of an integer, so that it is the same everywhere; in one word, for a
/// large site's report has half a million.
#[derive(Debug, Clone)]
pub struct Decimal(u64);

impl Decimal {
    /// `scaled` in units of so many decimals; [`Decimal::MAX`] at most, and so many decimals as fit beside it.
    pub(super) const fn new(scaled: u64, decimals: u8) -> Self {
        let scaled = if scaled > Self::MAX { Self::MAX } else { scaled };
        Self(scaled << DECIMAL_BITS | (decimals as u64 & DECIMALS))
    }

    /// A confidence of so many per cent, as 0.00 to 1.00.
    #[must_use]
    pub fn confidence(percent: u8) -> Self {
        Self::new(u64::from(percent.min(100)), 2)
    }

    /// Whole hundredths, of a confidence.
    pub(super) fn percent(&self) -> u8 {
        u8::try_from(self.thousandths() / 10).unwrap_or(u8::MAX)
    }

    /// Whole thousandths, to compare by.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        let value = u128::from(self.scaled()) * 1_000 / u128::from(self.unit());
        u64::try_from(value).unwrap_or(u64::MAX)
    }

    /// `part` of `whole` with two decimals; 0 of nothing.
    #[must_use]
    pub fn share(part: u64, whole: u64) -> Self {
        Self::new(part.saturating_mul(100).checked_div(whole).unwrap_or(0), 2)
    }

    /// Microseconds as milliseconds with three decimals.
    #[must_use]
    pub const fn milliseconds(microseconds: u64) -> Self {
        Self::new(microseconds, 3)
    }

    /// The same with so many decimals at most, half a unit rounded up.
    #[must_use]
    pub const fn rounded(&self, decimals: u8) -> Self {
        let gone = 10_u64.pow(self.decimals().saturating_sub(decimals) as u32);
        let kept = if self.decimals() < decimals { self.decimals() } else { decimals };
        Self::new(self.scaled().saturating_add(gone / 2) / gone, kept)
    }

    /// So many tenths with one decimal.
    #[must_use]
    pub const fn tenths(tenths: u64) -> Self {
        Self::new(tenths, 1)
    }

    const fn scaled(&self) -> u64 {
        self.0 >> DECIMAL_BITS
    }

    const fn decimals(&self) -> u8 {
        (self.0 & DECIMALS) as u8
    }

    /// What one is, scaled.
    const fn unit(&self) -> u64 {
        10_u64.pow(self.decimals() as u32)
    }

    /// The largest number of units.
    pub(super) const MAX: u64 = u64::MAX >> DECIMAL_BITS;
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scaled, unit) = (self.scaled(), self.unit());
        if self.decimals() == 0 {
            return write!(f, "{scaled}");
        }
        write!(f, "{}.{:0width$}", scaled / unit, scaled % unit, width = usize::from(self.decimals()))
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// The report has three decimals at most, and reads six.
const DECIMAL_BITS: u32 = 3;
const DECIMALS: u64 = (1 << DECIMAL_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_fixed() {
        assert_eq!(Decimal::confidence(90).to_string(), "0.90");
        assert_eq!(Decimal::confidence(5).to_string(), "0.05");
        assert_eq!(Decimal::share(1, 3).to_string(), "0.33");
        assert_eq!(Decimal::share(0, 0).to_string(), "0.00");
        assert_eq!(Decimal::milliseconds(1_234_007).to_string(), "1234.007");
        let gap = Decimal::milliseconds(1_771_450);
        assert_eq!([3, 1, 0].map(|it| gap.rounded(it).to_string()), ["1771.450", "1771.5", "1771"]);
        assert_eq!(serde_json::to_string(&Decimal::confidence(90)).unwrap(), "0.90");
    }
}

//! Numbers of the report that are no integers: [`Decimal`].

use serde::Serialize;
use serde_json::value::RawValue;

/// A number with a fixed count of decimals, made of an integer, so that it is the same everywhere.
#[derive(Debug, Clone)]
pub struct Decimal {
    pub(super) scaled: u64,
    pub(super) decimals: usize,
}

impl Decimal {
    /// A confidence of so many per cent, as 0.00 to 1.00.
    #[must_use]
    pub fn confidence(percent: u8) -> Self {
        Self { scaled: u64::from(percent.min(100)), decimals: 2 }
    }

    /// What was given to [`Decimal::confidence`].
    pub(super) fn percent(&self) -> u8 {
        u8::try_from(self.scaled).unwrap_or(100)
    }

    /// Whole thousandths, to compare by.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        let scale = u32::try_from(self.decimals).ok().and_then(|decimals| 10_u64.checked_pow(decimals));
        let value = u128::from(self.scaled) * 1_000 / u128::from(scale.unwrap_or(u64::MAX));
        u64::try_from(value).unwrap_or(u64::MAX)
    }

    /// `part` of `whole` with two decimals; 0 of nothing.
    #[must_use]
    pub fn share(part: u64, whole: u64) -> Self {
        Self { scaled: part.saturating_mul(100).checked_div(whole).unwrap_or(0), decimals: 2 }
    }

    /// Microseconds as milliseconds with three decimals.
    #[must_use]
    pub const fn milliseconds(microseconds: u64) -> Self {
        Self { scaled: microseconds, decimals: 3 }
    }

    /// The same with so many decimals at most, half a unit rounded up.
    #[must_use]
    pub fn rounded(&self, decimals: usize) -> Self {
        let gone = u32::try_from(self.decimals.saturating_sub(decimals)).unwrap_or(0);
        let unit = 10_u64.saturating_pow(gone);
        Self { scaled: self.scaled.saturating_add(unit / 2) / unit, decimals: self.decimals.min(decimals) }
    }

    /// So many tenths with one decimal.
    #[must_use]
    pub const fn tenths(tenths: u64) -> Self {
        Self { scaled: tenths, decimals: 1 }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10_u64.pow(u32::try_from(self.decimals).unwrap_or(0));
        if self.decimals == 0 {
            return write!(f, "{}", self.scaled);
        }
        write!(f, "{}.{:0width$}", self.scaled / unit, self.scaled % unit, width = self.decimals)
    }
}

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

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

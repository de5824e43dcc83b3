//! When a key is rotated or its owner told, by itself: policies, periods, and what is due next.

use std::fmt;

use crate::key::{KeyRecord, KeyState, VersionRecord};
use crate::refusal::Refusal;

/// Shortest life a policy may give new versions, and shortest time of a trigger, in days (Key Vault's limits).
pub const EXPIRY_DAYS_MIN: i64 = 28;
pub const TRIGGER_DAYS_MIN: i64 = 7;
/// Most actions of a policy.
pub const ACTIONS_MAX: usize = 8;

const DAY_S: i64 = 86_400;

/// A calendar period, as ISO 8601 writes it (`P2Y`, `P1Y6M`, `P90D`): months and days, added in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub months: u32,
    pub days: u32,
}

impl Period {
    /// Parses a duration of years, months, weeks and days; at most 100 years, at least a day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('P')?;
        let (mut months, mut days) = (0_u32, 0_u32);
        let mut units = "YMWD";
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u32 = rest.get(..digits)?.parse().ok()?;
            let unit = rest[digits..].chars().next()?;
            // Each unit once, the larger before the smaller.
            units = &units[units.find(unit)? + 1..];
            match unit {
                'Y' => months = months.checked_add(number.checked_mul(12)?)?,
                'M' => months = months.checked_add(number)?,
                'W' => days = days.checked_add(number.checked_mul(7)?)?,
                _ => days = days.checked_add(number)?,
            }
            rest = &rest[digits + 1..];
        }
        let fits = months <= 1200 && days <= 36_525 && (months > 0 || days > 0);
        fits.then_some(Self { months, days })
    }

    /// This long after a time (Unix seconds, UTC calendar); the 31st of a short month is its last day.
    #[must_use]
    pub fn after(self, from_s: i64) -> i64 {
        let (day, second) = (from_s.div_euclid(DAY_S), from_s.rem_euclid(DAY_S));
        at(add_months(day, i64::from(self.months)) + i64::from(self.days), second)
    }

    /// This long before a time.
    #[must_use]
    pub fn before(self, until_s: i64) -> i64 {
        let (day, second) = (until_s.div_euclid(DAY_S), until_s.rem_euclid(DAY_S));
        at(add_months(day - i64::from(self.days), -i64::from(self.months)), second)
    }

    /// At least so many days, whatever the months.
    const fn days_at_least(self) -> i64 {
        self.months as i64 * 28 + self.days as i64
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        for (number, unit) in [(self.months / 12, 'Y'), (self.months % 12, 'M'), (self.days, 'D')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Dates come from strangers: one that lies outside of what can be counted is the nearest that can.
const fn at(day: i64, second: i64) -> i64 {
    day.saturating_mul(DAY_S).saturating_add(second)
}

/// Days since 1970-01-01 of the same day of the month, so many months on (proleptic Gregorian calendar).
fn add_months(day: i64, months: i64) -> i64 {
    let (year, month, of_month) = civil_of_days(day);
    let count = year * 12 + (month - 1) + months;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
    days_of_civil(year, month, of_month.min(days_in_month(year, month)))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// The two conversions count from 1 March of year 0, so that the leap day ends its year.
fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// What a policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifetimeAction {
    Notify,
    Rotate,
}

/// When it does it, by the newest version's dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    AfterCreate(Period),
    BeforeExpiry(Period),
}

/// What happens to a key by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationPolicy {
    pub actions: Vec<(Trigger, LifetimeAction)>,
    /// How long new versions live; none: without end.
    pub expiry: Option<Period>,
    pub created_s: i64,
    pub updated_s: i64,
}

impl RotationPolicy {
    /// # Errors
    /// `BadRequest` with the limit that is broken.
    pub fn check(&self) -> Result<(), Refusal> {
        let bad = |problem: String| Err(Refusal::BadRequest { problem });
        if let Some(expiry) = self.expiry
            && expiry.days_at_least() < EXPIRY_DAYS_MIN
        {
            return bad(format!("expiryTime {expiry} must be at least {EXPIRY_DAYS_MIN} days"));
        }
        if self.actions.len() > ACTIONS_MAX {
            return bad(format!("{} lifetimeActions, but a policy has at most {ACTIONS_MAX}", self.actions.len()));
        }
        for (trigger, action) in &self.actions {
            let (Trigger::AfterCreate(period) | Trigger::BeforeExpiry(period)) = trigger;
            if period.days_at_least() < TRIGGER_DAYS_MIN {
                return bad(format!("the trigger {period} must be at least {TRIGGER_DAYS_MIN} days"));
            }
            if let (Trigger::AfterCreate(after), Some(expiry), LifetimeAction::Rotate) = (trigger, self.expiry, action)
                && after.after(0) >= expiry.after(0)
            {
                return bad(format!("timeAfterCreate {after} must be shorter than expiryTime {expiry}"));
            }
        }
        if self.actions.iter().filter(|(_, action)| *action == LifetimeAction::Rotate).count() > 1 {
            return bad("a policy has at most one Rotate action".to_owned());
        }
        Ok(())
    }
}

/// What a key waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Notify,
    Purge,
    Rotate,
}

impl KeyRecord {
    /// The next thing that happens to this key by itself, and when (Unix seconds).
    #[must_use]
    pub fn next_due(&self) -> Option<(i64, Due)> {
        match self.state {
            KeyState::Live => {}
            KeyState::Deleted { purge_s, .. } => return Some((purge_s, Due::Purge)),
            // What was begun is finished at the next look.
            KeyState::Purging { deleted_s, .. } => return Some((deleted_s, Due::Purge)),
        }
        let latest = self.latest();
        let policy = self.rotation.as_ref()?;
        let due = policy.actions.iter().filter_map(|(trigger, action)| {
            let when_s = fires_s(*trigger, latest)?;
            match action {
                LifetimeAction::Notify => (!latest.notified).then_some((when_s, Due::Notify)),
                LifetimeAction::Rotate => Some((when_s, Due::Rotate)),
            }
        });
        due.min_by_key(|(when_s, _)| *when_s)
    }
}

fn fires_s(trigger: Trigger, version: &VersionRecord) -> Option<i64> {
    match trigger {
        Trigger::AfterCreate(period) => Some(period.after(version.created_s)),
        Trigger::BeforeExpiry(period) => version.expires_s.map(|end| period.before(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_what_iso_8601_says() {
        for (text, months, days) in
            [("P90D", 0, 90), ("P2Y", 24, 0), ("P1Y6M", 18, 0), ("P4W", 0, 28), ("P1Y2M3D", 14, 3)]
        {
            assert_eq!(Period::parse(text), Some(Period { months, days }), "{text}");
        }
        for text in
            ["", "P", "90D", "PD", "P0D", "P1D1Y", "P1Y1Y", "PT5M", "P1.5D", "P-1D", "P101Y", "P99999999999D", "P1D "]
        {
            assert_eq!(Period::parse(text), None, "{text}");
        }
        assert_eq!(Period { months: 18, days: 3 }.to_string(), "P1Y6M3D");
    }

    #[test]
    fn months_follow_the_calendar() {
        let day = |year, month, day| days_of_civil(year, month, day) * DAY_S + 5;
        for (from, period, to) in [
            (day(2024, 1, 31), "P1M", day(2024, 2, 29)),
            (day(2023, 1, 31), "P1M", day(2023, 2, 28)),
            (day(2024, 2, 29), "P1Y", day(2025, 2, 28)),
            (day(1999, 12, 31), "P1D", day(2000, 1, 1)),
            (day(2026, 11, 22), "P2Y", day(2028, 11, 22)),
        ] {
            assert_eq!(Period::parse(period).unwrap().after(from), to, "{period}");
        }
        assert_eq!(Period { months: 1, days: 0 }.before(day(2024, 3, 31)), day(2024, 2, 29));
    }

    #[test]
    fn a_date_at_the_end_of_time_stays_there() {
        let century = Period { months: 1200, days: 36_525 };
        assert_eq!(century.after(i64::MAX), i64::MAX);
        // Midnight of the first day that can be counted lies just before what can be counted.
        assert!(century.before(i64::MIN) < i64::MIN + DAY_S);
        assert!(century.after(i64::MIN) > i64::MIN + DAY_S && century.before(i64::MAX) < i64::MAX);
    }

    #[test]
    fn the_calendar_turns_round_for_every_day_of_eight_centuries() {
        for days in -146_097..146_097 {
            let (year, month, day) = civil_of_days(days);
            assert_eq!(days_of_civil(year, month, day), days);
        }
        assert_eq!(civil_of_days(0), (1970, 1, 1));
    }
}

//! The kinds of value that settings have, and how they are read from text.

use std::{fmt, str::FromStr, time::Duration};

/// A number of bytes, written as `64KiB`, `4MiB` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_number(text);
        let scale = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err("is not a size; write for example 64KiB, 4MiB or a number of bytes".into()),
        };
        let number: usize =
            number.parse().map_err(|_| "is not a size; write for example 64KiB or 4MiB".to_owned())?;
        number.checked_mul(scale).map(Self).ok_or_else(|| "is too large".into())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => write!(f, "{}MiB", bytes >> 20),
            bytes if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => write!(f, "{}KiB", bytes >> 10),
            bytes => write!(f, "{bytes}B"),
        }
    }
}

/// Reads a duration: `500ms`, `20s`, `5m`, `24h`, `7d`. A plain number is refused, since its unit would be a guess.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_number(text);
    let wrong = || "is not a duration; write for example 500ms, 20s, 5m, 24h or 7d".to_owned();
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(86_400_000),
        _ => return Err(wrong()),
    };
    millis.map(Duration::from_millis).ok_or_else(|| "is too long".into())
}

/// A value parser for a duration between two others, given as the texts that the error shows.
pub fn duration_between(
    min: &'static str,
    max: &'static str,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync {
    move |text| {
        let (low, high) = (parse_duration(min)?, parse_duration(max)?);
        let duration = parse_duration(text)?;
        if (low..=high).contains(&duration) {
            Ok(duration)
        } else {
            Err(format!("is outside {min} to {max}; choose a duration in between"))
        }
    }
}

/// A value parser for a size between two others, given as the texts that the error shows.
pub fn size_between(
    min: &'static str,
    max: &'static str,
) -> impl Fn(&str) -> Result<ByteSize, String> + Clone + Send + Sync {
    move |text| {
        let (low, high): (ByteSize, ByteSize) = (min.parse()?, max.parse()?);
        let size: ByteSize = text.parse()?;
        if (low..=high).contains(&size) {
            Ok(size)
        } else {
            Err(format!("is outside {min} to {max}; choose a size in between"))
        }
    }
}

/// A value parser for a whole number between two others.
pub fn number_between(min: u32, max: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync {
    move |text| match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("is not a whole number from {min} to {max}; choose one")),
    }
}

/// Reads a switch.
pub fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err("is neither true nor false; write one of them".into()),
    }
}

/// A connection URL without its password, for messages and logs.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, query) = match rest.split_once("password=") {
        Some((before, _)) => (before, "password=***"),
        None => (rest, ""),
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match (authority.rsplit_once('@'), rest.rsplit_once('@')) {
        (Some((user_info, host)), _) => match user_info.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{host}{path}{query}"),
            None => format!("{scheme}://{user_info}@{host}{path}{query}"),
        },
        // A `/` in the password cut the authority short: then everything up to the last `@` is suspect.
        (None, Some((_, host))) => format!("{scheme}://***@{host}{query}"),
        (None, None) => format!("{scheme}://{rest}{query}"),
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_stay_in_range() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration(" 24 h "), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "20", "s", "-1s", "1.5s", "20 parsecs", "99999999999999999999s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_duration("18446744073709551615h"), Err("is too long".into()));
        let ping = duration_between("1s", "5m");
        assert_eq!(ping("5m"), Ok(Duration::from_secs(300)));
        assert!(ping("500ms").unwrap_err().contains("outside 1s to 5m"));
    }

    #[test]
    fn sizes_round_trip_through_their_shortest_spelling() {
        for (text, bytes) in [("64KiB", 65_536), ("4MiB", 4 << 20), ("1000", 1000), ("1 GiB", 1 << 30)] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.0, bytes);
            assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
        }
        for wrong in ["", "KiB", "64kb", "-1", "99999999999999999999", "18446744073709551615GiB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_leave_no_trace_in_a_shown_url() {
        for (url, shown) in [
            ("postgres://app:hunter2@db:5432/fanfare", "postgres://app:***@db:5432/fanfare"),
            (
                "postgres://app:hun@ter2@db/fanfare?sslmode=require",
                "postgres://app:***@db/fanfare?sslmode=require",
            ),
            ("postgres://app:hun/ter2@db/fanfare", "postgres://***@db/fanfare"),
            ("postgres://app@db/f?password=hunter2&x=1", "postgres://app@db/f?password=***"),
            ("sqlite:data/fanfare.db", "sqlite:data/fanfare.db"),
            ("postgres://db/fanfare", "postgres://db/fanfare"),
        ] {
            assert_eq!(without_password(url), shown);
        }
        assert_eq!(
            without_password("postgres://db/f?user=a&password=hunter2"),
            "postgres://db/f?user=a&password=***"
        );
    }
}

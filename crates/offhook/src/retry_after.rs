//! Header `Retry-After` (RFC 9110 section 10.2.3): when a server wants to be asked again.

use std::time::{Duration, SystemTime};

use hyper::{
    HeaderMap,
    header::{DATE, HeaderName, RETRY_AFTER},
};

/// The longest time that is believed. Whoever asks for more does not mean it, or the clocks are wrong.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait, if the server says so. A date is taken by the server's own clock where it tells the time, else by ours.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let value = text(RETRY_AFTER)?;
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = text(DATE).and_then(date).unwrap_or(now);
            date(value)?.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(HeaderName, &'static str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        retry_after(&headers.collect(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn it_is_a_number_of_seconds_or_a_date() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[(RETRY_AFTER, "7")]), seconds(7));
        assert_eq!(read(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(read(&[(RETRY_AFTER, "-7")]), None);
        assert_eq!(read(&[(RETRY_AFTER, "18446744073709551615")]), Some(LONGEST));
        assert_eq!(read(&[(RETRY_AFTER, "Thu, 01 Jan 1970 00:00:09 GMT")]), seconds(9));
        let later = (RETRY_AFTER, "Sun, 01 Nov 2026 12:01:00 GMT");
        let date = |date| [(DATE, date), later.clone()];
        assert_eq!(read(&date("Sun, 01 Nov 2026 12:00:00 GMT")), seconds(60));
        assert_eq!(read(&date("Sun, 01 Nov 2026 12:02:00 GMT")), seconds(0));
    }
}

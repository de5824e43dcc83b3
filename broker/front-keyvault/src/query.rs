//! The query: api-version, and where a listing goes on.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_core::grant::GrantId;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::refuse::Problem;

/// Longest query taken.
pub const QUERY_BYTES_MAX: usize = 4096;
/// Most rows on a page of a listing, and how many there are when the caller does not say (Key Vault's limit).
pub const ROWS_MAX: usize = 25;

/// Longest api-version: `2025-07-01-preview` has 18 bytes.
const API_VERSION_BYTES_MAX: usize = 32;

/// What a request's query says. Unknown parameters are ignored, as Key Vault does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// Only digits, letters, dots and hyphens.
    pub api_version: String,
    /// An expression of OData's, which role assignments and definitions are listed by.
    pub filter: Option<String>,
    rows: Option<String>,
    skip_token: Option<String>,
}

/// Which listing a skip token goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    Keys = 1,
    Versions = 2,
    DeletedKeys = 3,
    RoleAssignments = 4,
}

impl Query {
    /// # Errors
    /// `Malformed`: too long, a parameter that matters given twice, api-version missing or not one.
    pub fn parse(raw: &str) -> Result<Self, Problem> {
        if raw.len() > QUERY_BYTES_MAX {
            return Err(Problem::malformed(format!(
                "the query has {} bytes, but at most {QUERY_BYTES_MAX} are taken",
                raw.len()
            )));
        }
        let (mut api_version, mut filter, mut rows, mut skip_token) = (None, None, None, None);
        for pair in raw.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name);
            let place = match &*name {
                "$filter" => &mut filter,
                "$skiptoken" => &mut skip_token,
                "api-version" => &mut api_version,
                "maxresults" => &mut rows,
                _ => continue,
            };
            if place.replace(decoded(value).into_owned()).is_some() {
                return Err(Problem::malformed(format!("the query has {name} twice")));
            }
        }
        let api_version = api_version.ok_or_else(|| Problem::malformed("the query must have an api-version"))?;
        if !is_api_version(&api_version) {
            return Err(Problem::malformed(
                "api-version must look like 7.4, 7.6-preview.2, 2025-07-01 or 2025-07-01-preview",
            ));
        }
        Ok(Self { api_version, filter, rows, skip_token })
    }

    /// How many rows a page may have: 1 to [`ROWS_MAX`].
    pub fn rows(&self) -> Result<usize, Problem> {
        let Some(text) = &self.rows else { return Ok(ROWS_MAX) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let rows = text.parse().ok().filter(|rows| digits && (1..=ROWS_MAX).contains(rows));
        rows.ok_or_else(|| Problem::malformed(format!("maxresults must be 1 to {ROWS_MAX}")))
    }

    /// The marker of the page before, when this is not the first.
    pub fn after(&self, listing: Listing) -> Result<Option<u64>, Problem> {
        let Some(token) = &self.skip_token else { return Ok(None) };
        let marker = read_skip_token(token, listing);
        marker.map(Some).ok_or_else(wrong_token)
    }

    /// The last row of the page before (when it was made, in Unix seconds, and its id), when this is not the first.
    pub fn after_grant(&self) -> Result<Option<(i64, GrantId)>, Problem> {
        let Some(token) = &self.skip_token else { return Ok(None) };
        let mut bytes = [0_u8; GRANT_TOKEN_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).map_err(|_| wrong_token())?;
        if length != bytes.len() || bytes[0] != Listing::RoleAssignments as u8 {
            return Err(wrong_token());
        }
        let (mut created, mut id) = ([0; 8], [0; 16]);
        created.copy_from_slice(&bytes[1..9]);
        id.copy_from_slice(&bytes[9..]);
        Ok(Some((i64::from_be_bytes(created), GrantId(id))))
    }
}

/// Bytes of [`grant_token`] before they are encoded: the listing, a time, an id.
const GRANT_TOKEN_BYTES: usize = 1 + 8 + 16;

/// As [`skip_token`], for grants: they have no rank, so the token holds the last row itself, which may be gone by then.
pub(crate) fn grant_token(created_s: i64, id: GrantId) -> String {
    let bytes = [&[Listing::RoleAssignments as u8][..], &created_s.to_be_bytes(), &id.0].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn wrong_token() -> Problem {
    Problem::malformed("$skiptoken is not one of this listing's; begin the listing again")
}

/// Where the next page begins, as a token for the caller to hand back unread.
pub(crate) fn skip_token(listing: Listing, marker: u64) -> String {
    let mut bytes = [0_u8; 9];
    bytes[0] = listing as u8;
    bytes[1..].copy_from_slice(&marker.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_skip_token(token: &str, listing: Listing) -> Option<u64> {
    let mut bytes = [0_u8; 9];
    if token.len() != 12
        || URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()? != bytes.len()
        || bytes[0] != listing as u8
    {
        return None;
    }
    let marker = u64::from_be_bytes(bytes[1..].try_into().ok()?);
    // A store may keep markers as signed integers.
    i64::try_from(marker).is_ok().then_some(marker)
}

/// A value as it may stand in a query.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// `\d+\.\d+(-preview(\.\d+)?)?` or `\d{4}-\d{2}-\d{2}(-preview)?`.
fn is_api_version(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = |text: &str| text.split_once('.').is_some_and(|(major, minor)| digits(major) && digits(minor));
    let is_date = |text: &str| {
        let parts: Vec<_> = text.splitn(4, '-').collect();
        parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(|part| digits(part))
    };
    if text.len() > API_VERSION_BYTES_MAX {
        return false;
    }
    match text.split_once("-preview") {
        None => is_number(text) || is_date(text),
        Some((base, "")) => is_number(base) || is_date(base),
        Some((base, round)) => is_number(base) && round.strip_prefix('.').is_some_and(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_version_looks_like_one() {
        for good in ["7.1", "7.4", "7.6-preview.2", "7.6-preview", "2025-07-01", "2025-07-01-preview", "10.11"] {
            assert!(is_api_version(good), "{good}");
        }
        for bad in [
            "",
            "7",
            "7.",
            ".4",
            "7.4.1",
            "v7.4",
            "7.4-",
            "7.4-preview.",
            "7.4-preview.x",
            "7.4-previews",
            "7.4-beta",
            "2025-7-1",
            "2025-07-01-preview.1",
            "2025-07-01-",
            "25-07-01",
            "7.4\n",
            " 7.4",
            "٧.٤",
            "7.4&x",
            "7.4-preview-preview",
            "7.11111111111111111111111111111111",
        ] {
            assert!(!is_api_version(bad), "{bad}");
        }
    }

    #[test]
    fn names_may_be_escaped_and_unknown_ones_are_ignored() {
        for good in
            ["api-version=7.4", "api%2Dversion=7%2E4", "x=1&x=2&&=&api-version=7.4&%FF=%ff", "api-version=7.4&a=%zz"]
        {
            assert_eq!(Query::parse(good).unwrap().api_version, "7.4", "{good}");
        }
    }

    #[test]
    fn a_parameter_that_matters_stands_once() {
        for bad in [
            "",
            "api-version",
            "api-version=",
            "Api-Version=7.4",
            "api-version=7.4&api-version=7.4",
            "api-version=7.4&api%2dversion=7.4",
            "api-version=7.4&maxresults=1&maxresults=1",
            "api-version=7.4&$skiptoken=&%24skiptoken=",
            &"a".repeat(5000),
        ] {
            assert_eq!(Query::parse(bad).unwrap_err().word(), "bad-request", "{bad}");
        }
    }

    #[test]
    fn a_page_has_1_to_25_rows() {
        let rows = |text: &str| Query::parse(&format!("api-version=7.4&maxresults={text}")).unwrap().rows().ok();
        assert_eq!(Query::parse("api-version=7.4").unwrap().rows(), Ok(25));
        assert_eq!((rows("1"), rows("25")), (Some(1), Some(25)));
        for bad in ["", "0", "26", "-1", "+1", "1.0", "x", "99999999999999999999999"] {
            assert_eq!(rows(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_skip_token_goes_on_its_own_listing_alone() {
        let after = |token: &str, listing| {
            Query::parse(&format!("api-version=7.4&%24skiptoken={token}")).unwrap().after(listing).ok()
        };
        let most = i64::MAX as u64;
        for marker in [0, 1, 255, 1 << 40, most] {
            let token = skip_token(Listing::Keys, marker);
            assert_eq!(after(&token, Listing::Keys), Some(Some(marker)));
            assert_eq!(after(&token, Listing::Versions), None);
        }
        assert_eq!(after(&skip_token(Listing::Keys, most + 1), Listing::Keys), None);
        for bad in [
            "",
            "1",
            "AQAAAAAAAAA",
            "AQAAAAAAAAAAA",
            "AQAAAAAAAAA=",
            "!!!!!!!!!!!!",
            "%00%00%00%00%00%00%00%00%00%00%00%00",
        ] {
            assert_eq!(after(bad, Listing::Keys), None, "{bad}");
        }
        assert_eq!(Query::parse("api-version=7.4").unwrap().after(Listing::Keys), Ok(None));
    }
}

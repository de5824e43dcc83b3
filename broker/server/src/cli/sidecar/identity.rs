//! The token endpoints, in the forms that Azure's clients ask in:
//!
//! - a managed identity (`GET /metadata/identity/oauth2/token`, the secret in `X-IDENTITY-HEADER`): set `IDENTITY_ENDPOINT`
//!   to that URL and `IDENTITY_HEADER` to the secret;
//! - a client secret (`POST /TENANT/oauth2/v2.0/token` or `/TENANT/oauth2/token`, the secret in the form): set
//!   `AZURE_AUTHORITY_HOST` to us, `AZURE_TENANT_ID`, any `AZURE_CLIENT_ID`, and `AZURE_CLIENT_SECRET` to the secret.

use broker_core::secret::Secret;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::token::{TOKEN_SECONDS, Tokens};

const MANAGED_PATH: &str = "/metadata/identity/oauth2/token";
const SECRET_HEADER: &str = "x-identity-header";

pub struct Identity {
    pub tokens: Tokens,
    pub tenant: String,
    /// Of the URLs that we are reached under.
    pub scheme: &'static str,
}

/// What of ours a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    ClientSecret,
    Managed,
    /// Where the token endpoint is (OpenID Connect Discovery 1.0, section 4).
    Metadata,
}

impl Identity {
    /// Whether a request is for us; None: for the broker.
    pub fn ask_of(&self, method: &Method, path: &str) -> Option<Ask> {
        if path.trim_end_matches('/') == MANAGED_PATH {
            return (method == Method::GET).then_some(Ask::Managed);
        }
        let rest = path.strip_prefix('/')?.strip_prefix(self.tenant.as_str())?;
        match (method, rest) {
            (&Method::POST, "/oauth2/token" | "/oauth2/v2.0/token") => Some(Ask::ClientSecret),
            (&Method::GET, "/.well-known/openid-configuration" | "/v2.0/.well-known/openid-configuration") => {
                Some(Ask::Metadata)
            }
            _ => None,
        }
    }

    pub fn answer(&self, ask: Ask, headers: &HeaderMap, host: &str, body: &Secret) -> Response<Full<Bytes>> {
        match ask {
            Ask::ClientSecret => self.token(form_field(body, "client_secret").as_ref().map(Secret::expose), ask),
            Ask::Managed => self.token(headers.get(SECRET_HEADER).map(http::HeaderValue::as_bytes), ask),
            Ask::Metadata => {
                let base = format!("{}://{host}/{}", self.scheme, self.tenant);
                json_response(
                    StatusCode::OK,
                    &json!({
                        "issuer": base,
                        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
                        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
                    }),
                )
            }
        }
    }

    fn token(&self, shown: Option<&[u8]>, ask: Ask) -> Response<Full<Bytes>> {
        if !shown.is_some_and(|shown| self.tokens.is_secret(shown)) {
            tracing::warn!(shown = shown.is_some(), "a token was asked for without the secret");
            let description = "the secret is missing or wrong; it stands in the sidecar's secret file";
            return json_response(
                StatusCode::UNAUTHORIZED,
                &json!({ "error": "invalid_client", "error_description": description }),
            );
        }
        let (token, expiry_s) = self.tokens.issue();
        let body = match ask {
            // A managed identity's numbers are texts.
            Ask::Managed => json!({
                "access_token": token, "client_id": "keybroker-sidecar", "expires_in": TOKEN_SECONDS.to_string(),
                "expires_on": expiry_s.to_string(), "resource": "keybroker", "token_type": "Bearer",
            }),
            Ask::ClientSecret | Ask::Metadata => json!({
                "access_token": token, "expires_in": TOKEN_SECONDS, "ext_expires_in": TOKEN_SECONDS, "token_type": "Bearer",
            }),
        };
        json_response(StatusCode::OK, &body)
    }

    /// What a request without a token that holds is told: where to get one. Key Vault's clients send their first request like
    /// that on purpose, to hear it.
    pub fn challenge(&self, host: &str) -> Response<Full<Bytes>> {
        let (_, resource) = host.split_once('.').unwrap_or(("", host));
        let challenge = format!(
            r#"Bearer authorization="{0}://{host}/{1}", resource="{0}://{resource}""#,
            self.scheme, self.tenant
        );
        let mut response = refusal(StatusCode::UNAUTHORIZED, "Unauthorized", "the sidecar asks for a token of its own");
        if let Ok(value) = challenge.parse() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    /// Whether a request carries a token that holds.
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|(_, token)| self.tokens.holds(token.trim()))
    }
}

/// An error in Key Vault's form.
pub fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    json_response(status, &json!({ "error": { "code": code, "message": message } }))
}

fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

/// A field of an `application/x-www-form-urlencoded` body, decoded; None when it is missing or stands twice.
fn form_field(body: &Secret, name: &str) -> Option<Secret> {
    let mut found = body.expose().split(|byte| *byte == b'&').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (&pair[..at] == name.as_bytes()).then(|| &pair[at + 1..])
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                decoded.push(digit(high)? << 4 | digit(low)?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, _) => decoded.push(*byte),
        }
    }
    Some(Secret::new(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_field_is_decoded_and_stands_once() {
        let field =
            |body: &str| form_field(&Secret::copied_from(body.as_bytes()), "s").map(|value| value.expose().to_vec());
        assert_eq!(field("a=1&s=x%2By+z&b=2").as_deref(), Some(&b"x+y z"[..]));
        assert_eq!(field("s=").as_deref(), Some(&b""[..]));
        for bad in ["", "a=1", "ss=1", "s", "s=1&s=2", "s=%", "s=%4", "s=%zz"] {
            assert_eq!(field(bad), None, "{bad}");
        }
    }
}

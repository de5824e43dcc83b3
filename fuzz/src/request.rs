//! Bytes as an HTTP request: the line `METHOD TARGET`, lines `name: value`, an empty line, the body.
//!
//! What the HTTP library refuses by itself never reaches a front, and is no request here either.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

/// `usual` headers are there as well, unless the input has one of that name.
pub fn read(bytes: &[u8], usual: &[(&'static str, &'static str)]) -> Option<Request<Bytes>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.next()?;
    let blank = line.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::new(Bytes::copy_from_slice(body));
    *request.method_mut() = Method::from_bytes(&line[..blank]).ok()?;
    *request.uri_mut() = Uri::try_from(&line[blank + 1..]).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    for (name, value) in usual {
        let name = HeaderName::from_static(name);
        request.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    Some(request)
}

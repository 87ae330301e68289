//! gRPC: a refused call has a status of gRPC in place of HTTP's.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Whether a request is a gRPC call ("PROTOCOL-HTTP2": `Content-Type` is `application/grpc`, alone or followed by `+` or `;`).
///
/// A call of gRPC-Web is none: its clients take the status of HTTP.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return false };
    match kind.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// Makes `response`, a refusal by `reason`, the answer to a call: HTTP status 200 and the status of gRPC among the header fields
/// ("Trailers-Only"). The challenges stay: a client reads them as metadata.
pub(crate) fn answer<B>(response: &mut Response<B>, reason: &'static str) {
    let status = HeaderValue::from_static(status_of(response.status()));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, status);
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(reason));
}

/// The table "HTTP to gRPC Status Code Mapping" of gRPC, by which clients read the refusals of proxies too.
fn status_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502 | 503 | 504 => "14",
        _ => "2",
    }
}

#[cfg(test)]
mod tests {
    use countersign::Reason;

    use super::*;

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=x", true),
            ("application/grpc-web", false),
            ("application/grpcx", false),
            ("application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert_eq!(is_call(&headers), expected, "{kind}");
        }
        assert!(!is_call(&HeaderMap::new()));
    }

    #[test]
    fn no_refusal_is_a_success() {
        for reason in Reason::ALL {
            let status = StatusCode::from_u16(reason.status()).unwrap();
            let mut response = Response::new(());
            *response.status_mut() = status;
            answer(&mut response, reason.code());
            assert_eq!(response.status(), StatusCode::OK);
            let said = response.headers()[GRPC_STATUS].to_str().unwrap();
            assert_ne!(said, "0", "{reason}");
            assert_eq!(said == "16", status == StatusCode::UNAUTHORIZED, "{reason}");
            assert_eq!(response.headers()[GRPC_MESSAGE], reason.code());
        }
    }
}

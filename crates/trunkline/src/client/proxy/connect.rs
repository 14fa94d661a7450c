//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 §9.3.6).

use std::mem;

use trunkline_proto::handshake::{Credentials, HeadLimits, Progress, Response, ResponseParser};

use super::error::TunnelError;
use super::tunnel::Tunnel;

/// Asks for a tunnel with one CONNECT.
///
/// Every status of 2xx makes one, and it begins behind the empty line: an answer to CONNECT has no body, whatever
/// its headers say. HTTP/1.0 is fine, as many proxies answer in it.
pub(super) struct HttpConnect {
    request: Vec<u8>,
    has_credentials: bool,
    parser: ResponseParser,
    interim: usize,
}

/// Interim answers (1xx) that are passed over: as many as in a handshake.
const INTERIM_MAX: usize = 8;

impl HttpConnect {
    /// For a tunnel to `host`, an IPv6 address in brackets, at `port`. Both come from a URL that was parsed, so
    /// neither can hold what ends a line.
    pub(super) fn new(host: &str, port: u16, credentials: Option<&Credentials>) -> Self {
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(credentials) = credentials {
            request.push_str("Proxy-Authorization: ");
            request.push_str(&credentials.to_basic());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        Self {
            request: request.into_bytes(),
            has_credentials: credentials.is_some(),
            parser: ResponseParser::new(HeadLimits::default()),
            interim: 0,
        }
    }

    fn on_response(&mut self, response: Response) -> Result<Option<()>, TunnelError> {
        match response.status() {
            200..=299 => Ok(Some(())),
            // It would switch to a protocol that was not asked for.
            101 => Err(TunnelError::Refused(Box::new(response))),
            100..=199 => {
                self.interim += 1;
                if self.interim > INTERIM_MAX {
                    return Err(TunnelError::TooManyInterim);
                }
                self.parser = ResponseParser::new(HeadLimits::default());
                Ok(None)
            }
            407 => Err(self.credentials_wanted(response)),
            _ => Err(TunnelError::Refused(Box::new(response))),
        }
    }

    fn credentials_wanted(&self, response: Response) -> TunnelError {
        let has_basic = takes_basic(&response);
        let response = Some(Box::new(response));
        match self.has_credentials {
            _ if !has_basic => TunnelError::CredentialsUnsupported(response),
            true => TunnelError::CredentialsRefused(response),
            false => TunnelError::CredentialsMissing(response),
        }
    }
}

/// Whether the scheme `Basic` is among those offered; a proxy that names none is taken to mean it.
fn takes_basic(response: &Response) -> bool {
    let headers = response.headers();
    let is_basic = |challenge: &[u8]| {
        let scheme = challenge.split(|byte| byte.is_ascii_whitespace()).next();
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Basic"))
    };
    // A list whose elements may hold commas in quotes; what is split wrongly begins with no scheme.
    !headers.contains("Proxy-Authenticate") || headers.list("Proxy-Authenticate").any(is_basic)
}

impl Tunnel for HttpConnect {
    fn transmit(&mut self) -> Vec<u8> {
        mem::take(&mut self.request)
    }

    fn handle_input(&mut self, input: &[u8]) -> Result<Progress<()>, TunnelError> {
        let mut taken = 0;
        while taken < input.len() {
            let progress = self.parser.handle_input(&input[taken..])?;
            taken += progress.taken;
            if let Some(response) = progress.done
                && self.on_response(response)?.is_some()
            {
                return Ok(Progress { taken, done: Some(()) });
            }
        }
        Ok(Progress { taken, done: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::proxy::tunnel::at_every_cut;

    const PLAIN: &str = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n";

    /// The end of a CONNECT without and with credentials.
    #[track_caller]
    fn check_both(
        answer: &str,
        expect: Result<Option<&str>, &str>,
        with: Result<Option<&str>, &str>,
    ) {
        let credentials = Credentials::parse("hans:geheim");
        for (credentials, expect) in [(None, expect), (credentials.as_ref(), with)] {
            let (_, end) =
                at_every_cut(|| HttpConnect::new("[::1]", 443, credentials), answer.as_bytes());
            let expect =
                expect.map(|left| left.map(|it| it.as_bytes().to_vec())).map_err(str::to_owned);
            assert_eq!(end, expect, "{answer:?}");
        }
    }

    #[track_caller]
    fn check(answer: &str, expect: Result<Option<&str>, &str>) {
        check_both(answer, expect, expect);
    }

    #[test]
    fn rfc_9110_s9_3_6_a_connect_names_host_and_port_twice() {
        let (written, end) = at_every_cut(|| HttpConnect::new("[::1]", 443, None), b"");
        assert_eq!((&*String::from_utf8(written).unwrap(), end), (PLAIN, Ok(None)));
    }

    #[test]
    fn rfc_7617_credentials_go_to_the_proxy() {
        let credentials = Credentials::parse("Aladdin:open%20sesame");
        let (written, _) = at_every_cut(|| HttpConnect::new("a", 80, credentials.as_ref()), b"");
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }

    #[test]
    fn every_2xx_makes_a_tunnel_and_what_stands_behind_it_came_through() {
        check("HTTP/1.1 200 OK\r\n\r\n", Ok(Some("")));
        check("HTTP/1.0 200\r\nVia: a\r\n\r\nearly\r\n\r\n", Ok(Some("early\r\n\r\n")));
        check("HTTP/1.1 299 x\r\nContent-Length: 5\r\n\r\nearly", Ok(Some("early")));
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nearly", Ok(Some("early")));
        check("HTTP/1.1 200 OK\r\n\r", Ok(None));
    }

    #[test]
    fn interim_answers_are_passed_over_eight_times() {
        let interim = "HTTP/1.1 103 x\r\nA: b\r\n\r\n";
        let answer = |count| format!("{}HTTP/1.1 200 OK\r\n\r\nearly", interim.repeat(count));
        check(&answer(1), Ok(Some("early")));
        check(&answer(8), Ok(Some("early")));
        check(&answer(9), Err("sent too many interim (1xx) answers"));
    }

    #[test]
    fn a_refusal_is_told_with_its_status() {
        let refused = |status, expect| {
            check(&format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n"), Err(expect));
        };
        refused(403, "forbids a connection to that host and port (status 403)");
        refused(405, "makes no tunnel, perhaps because it is not a proxy (status 405)");
        refused(502, "could not reach the server (status 502)");
        refused(504, "could not reach the server (status 504)");
        refused(101, "refused to make a tunnel (status 101)");
        refused(302, "refused to make a tunnel (status 302)");
        refused(429, "refused to make a tunnel (status 429)");
    }

    #[test]
    fn who_has_to_show_credentials_is_told_how() {
        let missing = "asks for credentials (status 407): write them into its URL, as in \
                       http://user:password@proxy:3128";
        let refused = "does not accept the user and the password of its URL (status 407)";
        let unsupported = "asks for credentials (status 407) in a way that is not supported: \
                           Basic is, and user and password of SOCKS5";
        for offers in [
            "",
            "Proxy-Authenticate: Basic realm=\"a, b\"\r\n",
            "Proxy-Authenticate: Negotiate, basic\r\n",
            "Proxy-Authenticate: NTLM\r\nproxy-authenticate: BASIC realm=x\r\n",
        ] {
            let answer = format!("HTTP/1.1 407 x\r\n{offers}\r\n");
            check_both(&answer, Err(missing), Err(refused));
        }
        check("HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM, Digest\r\n\r\n", Err(unsupported));
        check("HTTP/1.1 407 x\r\nProxy-Authenticate: Basically\r\n\r\n", Err(unsupported));
    }

    #[test]
    fn what_is_not_http_is_no_answer() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(16 * 1024));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: x\r\n".repeat(101));
        for (answer, expect) in [
            ("\u{5}\0", "the head holds a control character, so this is not HTTP/1.1"),
            ("SSH-2.0-x\r\n", "the status line is not of the form `HTTP/1.1 101 reason`"),
            ("HTTP/1.1 200 OK\n\n", "a line ends with LF alone: end lines with CRLF"),
            (&long, "the head is longer than 16384 bytes (HeadLimits::bytes)"),
            (&many, "there are more than 100 header fields (HeadLimits::headers)"),
        ] {
            let hint = "does its URL have the right scheme and port?";
            check(answer, Err(&format!("does not answer in HTTP/1.1: {expect}; {hint}")));
        }
    }
}

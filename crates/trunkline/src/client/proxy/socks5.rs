//! A tunnel through a SOCKS5 proxy (RFC 1928), with or without user and password (RFC 1929).
//!
//! ```text
//!   client                             proxy
//!   05 n methods ───────────────────▶
//!                ◀─────────────────── 05 method
//!   01 user password ───────────────▶                if the method is 2
//!                ◀─────────────────── 01 status
//!   05 01 00 address port ──────────▶
//!                ◀─────────────────── 05 reply 00 address port
//! ```

use std::fmt;
use std::mem;
use std::net::IpAddr;

use trunkline_proto::handshake::{Credentials, Progress};

use super::error::TunnelError;
use super::tunnel::Tunnel;
use crate::client::error::Fault;

const VERSION: u8 = 5;
const AUTH_VERSION: u8 = 1;
const NO_AUTH: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks for a tunnel in three or two rounds.
pub(super) struct Socks5 {
    out: Vec<u8>,
    /// What has come of the answer under way: 262 bytes at most.
    answer: Vec<u8>,
    /// The request of RFC 1929, if there are credentials.
    auth: Option<Vec<u8>>,
    request: Vec<u8>,
    state: State,
}

/// The answer that comes next.
#[derive(Clone, Copy)]
enum State {
    Method,
    Auth,
    Reply,
}

/// Where a tunnel is to lead.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// To a name that the proxy looks up.
    Name(&'a str),
    /// To an address.
    Address(IpAddr),
}

impl Socks5 {
    /// For a tunnel to `target` at `port`. The credentials fit: that is seen to where they come in.
    pub(super) fn new(
        target: Target<'_>,
        port: u16,
        credentials: Option<&Credentials>,
    ) -> Result<Self, SocksError> {
        let mut request = vec![VERSION, CONNECT, 0];
        match target {
            Target::Name(name) => {
                request.push(NAME);
                push_counted(&mut request, name.as_bytes()).ok_or(SocksError::NameTooLong)?;
            }
            Target::Address(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend(address.octets());
            }
            Target::Address(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend(address.octets());
            }
        }
        request.extend(port.to_be_bytes());
        let auth = credentials.and_then(encode_auth);
        let out = match auth {
            None => vec![VERSION, 1, NO_AUTH],
            Some(_) => vec![VERSION, 2, NO_AUTH, USER_AND_PASSWORD],
        };
        Ok(Self { out, answer: Vec::new(), auth, request, state: State::Method })
    }

    /// Judges the answer as far as it has come: `None` if more has to come, else how the machine goes on.
    fn on_answer(&mut self) -> Result<Option<Step>, TunnelError> {
        match self.state {
            State::Method => self.on_method(),
            State::Auth => on_auth(&self.answer),
            State::Reply => on_reply(&self.answer),
        }
    }

    fn on_method(&mut self) -> Result<Option<Step>, TunnelError> {
        check_version(&self.answer)?;
        let &[_, method] = &self.answer[..] else { return Ok(None) };
        match (method, self.auth.take()) {
            (NO_AUTH, _) => Ok(Some(Step::Request)),
            (USER_AND_PASSWORD, Some(auth)) => Ok(Some(Step::Auth(auth))),
            (NO_METHOD, None) => Err(TunnelError::CredentialsMissing(None)),
            (NO_METHOD, Some(_)) => Err(TunnelError::CredentialsUnsupported(None)),
            (method, _) => Err(SocksError::Method(method).into()),
        }
    }
}

/// How it goes on after an answer.
enum Step {
    Auth(Vec<u8>),
    Request,
    Done,
}

fn check_version(answer: &[u8]) -> Result<(), SocksError> {
    match answer {
        [VERSION, ..] | [] => Ok(()),
        &[first, ..] => Err(SocksError::Version(first)),
    }
}

/// RFC 1929 §2.
fn on_auth(answer: &[u8]) -> Result<Option<Step>, TunnelError> {
    match answer {
        [] | [AUTH_VERSION] => Ok(None),
        [AUTH_VERSION, 0, ..] => Ok(Some(Step::Request)),
        [AUTH_VERSION, ..] => Err(TunnelError::CredentialsRefused(None)),
        &[first, ..] => Err(SocksError::AuthVersion(first).into()),
    }
}

/// RFC 1928 §6. Where the proxy connects from is of no use here, but its length has to be known.
fn on_reply(answer: &[u8]) -> Result<Option<Step>, TunnelError> {
    check_version(answer)?;
    // A proxy that refuses may close without saying more.
    if let &[_, reply, ..] = answer
        && reply != 0
    {
        return Err(SocksError::Refused(SocksReply(reply)).into());
    }
    let address_bytes = match answer {
        &[_, _, _, IPV4, ..] => 4,
        &[_, _, _, IPV6, ..] => 16,
        &[_, _, _, NAME, bytes, ..] => 1 + usize::from(bytes),
        [_, _, _, NAME] | [] | [_] | [_, _] | [_, _, _] => return Ok(None),
        &[_, _, _, kind, ..] => return Err(SocksError::AddressType(kind).into()),
    };
    Ok((answer.len() == 4 + address_bytes + 2).then_some(Step::Done))
}

/// RFC 1929 §2, `None` if one of them is too long.
fn encode_auth(credentials: &Credentials) -> Option<Vec<u8>> {
    let mut auth = vec![AUTH_VERSION];
    push_counted(&mut auth, credentials.name())?;
    push_counted(&mut auth, credentials.password())?;
    Some(auth)
}

/// Appends `bytes` behind a byte with their number.
fn push_counted(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.push(u8::try_from(bytes.len()).ok()?);
    out.extend_from_slice(bytes);
    Some(())
}

impl Tunnel for Socks5 {
    fn transmit(&mut self) -> Vec<u8> {
        mem::take(&mut self.out)
    }

    fn handle_input(&mut self, input: &[u8]) -> Result<Progress<()>, TunnelError> {
        for (at, &byte) in input.iter().enumerate() {
            self.answer.push(byte);
            let Some(step) = self.on_answer()? else { continue };
            self.answer.clear();
            match step {
                Step::Auth(auth) => {
                    self.out.extend(auth);
                    self.state = State::Auth;
                }
                Step::Request => {
                    self.out.append(&mut self.request);
                    self.state = State::Reply;
                }
                Step::Done => return Ok(Progress { taken: at + 1, done: Some(()) }),
            }
        }
        Ok(Progress { taken: input.len(), done: None })
    }
}

/// What a SOCKS5 proxy did wrong, or why it refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SocksError {
    /// It refused the tunnel (RFC 1928 §6).
    Refused(SocksReply),
    /// Its answer begins with this byte instead of 5.
    Version(u8),
    /// It chose a way of showing credentials that was not offered (RFC 1928 §3).
    Method(u8),
    /// Its answer to the credentials begins with this byte instead of 1 (RFC 1929 §2).
    AuthVersion(u8),
    /// It answered with an address of an unknown type.
    AddressType(u8),
    /// The host has more than 255 bytes, which SOCKS5 cannot say: the caller's fault.
    NameTooLong,
}

impl SocksError {
    pub(super) const fn is_retryable(self) -> bool {
        matches!(self, Self::Refused(SocksReply(1 | 3..=6)))
    }

    /// Whether another address of the same server may do better.
    pub(super) const fn is_about_the_address(self) -> bool {
        matches!(self, Self::Refused(SocksReply(3..=6 | 8)))
    }

    pub(super) const fn fault(self) -> Fault {
        match self {
            // The URL says that it were a proxy of SOCKS5.
            Self::Version(_) | Self::NameTooLong => Fault::Caller,
            Self::Refused(SocksReply(2 | 8)) => Fault::Caller,
            Self::Refused(SocksReply(3..=6)) => Fault::Network,
            _ => Fault::Peer,
        }
    }
}

/// The code with which a proxy refuses, from 1 on (RFC 1928 §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SocksReply(u8);

impl fmt::Display for SocksReply {
    /// A sentence whose subject is the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.0 {
            1 => "failed for a reason of its own",
            2 => "forbids a connection to that host and port",
            3 => "could not reach the server's network",
            4 => "could not reach or find the host",
            5 => "was refused by the server: nothing listens at that port",
            6 => "got no answer of the server in time",
            7 => "makes no connections for others (CONNECT is not supported)",
            8 => {
                "does not take this type of address: with socks5h:// it looks names up itself, \
                 with socks5:// it does not"
            }
            _ => "refused for a reason that has no name",
        };
        write!(f, "{why} (SOCKS5 reply {})", self.0)
    }
}

impl fmt::Display for SocksError {
    /// A sentence whose subject is the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reply) => reply.fmt(f),
            // The first letter of `HTTP/1.1 400`.
            Self::Version(b'H') => {
                f.write_str("speaks HTTP, not SOCKS5: write http:// into its URL")
            }
            Self::Version(4 | 0) => f.write_str("speaks SOCKS4, not SOCKS5"),
            Self::Version(first) => {
                write!(f, "does not speak SOCKS5: its answer begins with {first:#04x}")
            }
            Self::Method(method) => {
                write!(f, "chose a way to log in that was not offered ({method:#04x})")
            }
            Self::AuthVersion(first) => {
                write!(f, "answered the login with {first:#04x}, where RFC 1929 has 0x01")
            }
            Self::AddressType(kind) => {
                write!(f, "answered with an unknown type of address ({kind:#04x})")
            }
            Self::NameTooLong => f.write_str(
                "cannot be told of a host with more than 255 bytes: SOCKS5 has no room for it",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::client::proxy::tunnel::at_every_cut;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    type End<'a> = Result<Option<&'a [u8]>, &'a str>;

    #[track_caller]
    fn check(
        target: Target<'_>,
        credentials: Option<&str>,
        answers: &[u8],
        expect_written: &[u8],
        expect: End<'_>,
    ) {
        let credentials = credentials.map(|it| Credentials::parse(it).expect(it));
        let machine = || Socks5::new(target, 0x1234, credentials.as_ref()).expect("it fits");
        let (written, end) = at_every_cut(machine, answers);
        assert_eq!(written, expect_written, "{answers:x?}");
        assert_eq!(
            end,
            expect.map(|it| it.map(<[u8]>::to_vec)).map_err(str::to_owned),
            "{answers:x?}"
        );
    }

    const GREETING: &[u8] = &[5, 1, 0];
    const GREETING_WITH_AUTH: &[u8] = &[5, 2, 0, 2];
    const REQUEST: &[u8] = &[5, 1, 0, 3, 1, b'a', 0x12, 0x34];

    /// For the host `a` without credentials, once the method is settled.
    #[track_caller]
    fn check_reply(reply: &[u8], expect: End<'_>) {
        let answers = [&[5, 0], reply].concat();
        check(Target::Name("a"), None, &answers, &[GREETING, REQUEST].concat(), expect);
    }

    #[test]
    fn rfc_1928_s4_the_request_names_the_target_in_three_ways() {
        let check = |target: Target<'_>, address: &[u8]| {
            let written = [GREETING, &[5, 1, 0], address, &[0x12, 0x34]].concat();
            check(target, None, &[5, 0], &written, Ok(None));
        };
        check(Target::Name("ab"), &[3, 2, b'a', b'b']);
        check(Target::Address(V4), &[1, 10, 0, 0, 1]);
        let v6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
        check(Target::Address(v6.into()), &[4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        let longest = "x".repeat(255);
        assert!(Socks5::new(Target::Name(&longest), 1, None).is_ok());
        let error = Socks5::new(Target::Name(&format!("{longest}x")), 1, None).err();
        assert_eq!(error, Some(SocksError::NameTooLong));
    }

    #[test]
    fn rfc_1928_s6_a_reply_ends_where_its_address_does() {
        check_reply(&[5, 0, 0, 1, 9, 9, 9, 9, 9, 9], Ok(Some(b"")));
        check_reply(b"\x05\0\0\x01\0\0\0\0\0\0early", Ok(Some(b"early")));
        check_reply(b"\x05\0\0\x03\x04name\0", Ok(None));
        check_reply(b"\x05\0\0\x03\x04name\0\0early", Ok(Some(b"early")));
        check_reply(b"\x05\0\0\x03\0\0\0\x05", Ok(Some(b"\x05")));
        check_reply(&[&b"\x05\0\0\x04"[..], &[7; 18], b"early"].concat(), Ok(Some(b"early")));
        check_reply(&[&b"\x05\0\0\x03\xff"[..], &[7; 257], b"early"].concat(), Ok(Some(b"early")));
    }

    #[test]
    fn rfc_1928_s6_each_refusal_has_its_text() {
        for (code, expect) in [
            (1, "failed for a reason of its own (SOCKS5 reply 1)"),
            (2, "forbids a connection to that host and port (SOCKS5 reply 2)"),
            (3, "could not reach the server's network (SOCKS5 reply 3)"),
            (4, "could not reach or find the host (SOCKS5 reply 4)"),
            (5, "was refused by the server: nothing listens at that port (SOCKS5 reply 5)"),
            (6, "got no answer of the server in time (SOCKS5 reply 6)"),
            (7, "makes no connections for others (CONNECT is not supported) (SOCKS5 reply 7)"),
            (
                8,
                "does not take this type of address: with socks5h:// it looks names up itself, \
                 with socks5:// it does not (SOCKS5 reply 8)",
            ),
            (9, "refused for a reason that has no name (SOCKS5 reply 9)"),
            (255, "refused for a reason that has no name (SOCKS5 reply 255)"),
        ] {
            // Whatever follows: some proxies close right behind the code.
            for rest in [&b""[..], &[0, 1, 0, 0, 0, 0, 0, 0], &[0, 77]] {
                check_reply(&[&[5, code], rest].concat(), Err(expect));
            }
        }
    }

    #[test]
    fn rfc_1928_s6_what_can_pass_is_worth_another_try() {
        let passing =
            (1..=u8::MAX).filter(|&it| SocksError::Refused(SocksReply(it)).is_retryable());
        assert_eq!(passing.collect::<Vec<_>>(), [1, 3, 4, 5, 6]);
        // With another address of the same host.
        let address = |it: &u8| SocksError::Refused(SocksReply(*it)).is_about_the_address();
        assert_eq!((1..=u8::MAX).filter(address).collect::<Vec<_>>(), [3, 4, 5, 6, 8]);
        assert!(!SocksError::Version(5).is_retryable());
    }

    #[test]
    fn rfc_1929_user_and_password_are_shown_if_the_proxy_asks() {
        let auth = b"\x01\x04hans\x06ge:eim";
        let credentials = Some("hans:ge:eim");
        let target = Target::Name("a");
        let written = [GREETING_WITH_AUTH, auth, REQUEST].concat();
        let answers = b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0early";
        check(target, credentials, answers, &written, Ok(Some(b"early")));
        // It may not ask.
        let written = [GREETING_WITH_AUTH, REQUEST].concat();
        check(target, credentials, b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", &written, Ok(Some(b"")));
        // Or not accept them; any status but 0 means that.
        let refused = Err("does not accept the user and the password of its URL");
        let written = [GREETING_WITH_AUTH, auth].concat();
        for status in [1, 2, 0xff] {
            check(target, credentials, &[5, 2, 1, status], &written, refused);
        }
        let other = Err("answered the login with 0x05, where RFC 1929 has 0x01");
        check(target, credentials, &[5, 2, 5, 0], &written, other);
    }

    #[test]
    fn rfc_1928_s3_the_method_is_one_that_was_offered() {
        let target = Target::Name("a");
        let missing = "asks for credentials: write them into its URL, as in \
                       http://user:password@proxy:3128";
        let unsupported = "asks for credentials in a way that is not supported: \
                           Basic is, and user and password of SOCKS5";
        check(target, None, &[5, 0xff], GREETING, Err(missing));
        check(target, Some("u:p"), &[5, 0xff], GREETING_WITH_AUTH, Err(unsupported));
        let method = Err("chose a way to log in that was not offered (0x02)");
        check(target, None, &[5, 2], GREETING, method);
        let method = Err("chose a way to log in that was not offered (0x01)");
        check(target, Some("u:p"), &[5, 1], GREETING_WITH_AUTH, method);
    }

    #[test]
    fn what_is_not_socks5_is_told_as_what_it_may_be() {
        let target = Target::Name("a");
        for (answer, expect) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
                "speaks HTTP, not SOCKS5: write http:// into its URL",
            ),
            (b"\0\x5b", "speaks SOCKS4, not SOCKS5"),
            (b"\x15\x03\x03", "does not speak SOCKS5: its answer begins with 0x15"),
        ] {
            check(target, None, answer, GREETING, Err(expect));
        }
        check_reply(&[4, 0], Err("speaks SOCKS4, not SOCKS5"));
        check_reply(&[5, 0, 0, 2], Err("answered with an unknown type of address (0x02)"));
    }
}

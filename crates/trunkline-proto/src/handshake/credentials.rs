//! A name and a password, as they stand in URLs (RFC 3986 §3.2.1) and in `Authorization: Basic` (RFC 7617).

use std::fmt;

use super::base64;

/// A name and a password. Nothing here shows them but the methods that are named for it.
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::Credentials;
///
/// let aladdin = Credentials::parse("Aladdin:open%20sesame").expect("both are well formed");
/// assert_eq!(aladdin.password(), b"open sesame");
/// assert_eq!(aladdin.to_basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// assert_eq!(format!("{aladdin:?}"), "Credentials(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    name: Vec<u8>,
    password: Vec<u8>,
}

impl Credentials {
    /// Takes both as they are, or gives `None` if they cannot be sent: a colon in the name would end
    /// it, and controls are allowed in neither (RFC 7617 §2).
    pub fn new(name: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Option<Self> {
        let (name, password) = (name.into(), password.into());
        let is_clean = |bytes: &[u8]| !bytes.iter().any(u8::is_ascii_control);
        let can_be_sent = is_clean(&name) && is_clean(&password) && !name.contains(&b':');
        can_be_sent.then_some(Self { name, password })
    }

    /// Reads what stands before the `@` of a URL, `name` or `name:password`, and decodes its
    /// percent-encoding. `None` if it is empty, not encoded as RFC 3986 has it, or cannot be sent.
    ///
    /// Only letters, digits and ``-._~!$&'()*+,;=`` stand for themselves, in a password the colon too.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, password) = text.split_once(':').unwrap_or((text, ""));
        if name.is_empty() && password.is_empty() {
            return None;
        }
        Self::new(percent_decode(name)?, percent_decode(password)?)
    }

    /// The name, which may be empty.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The password, which may be empty.
    pub fn password(&self) -> &[u8] {
        &self.password
    }

    /// The value of `Authorization` or `Proxy-Authorization` that shows them, in the scheme `Basic`.
    pub fn to_basic(&self) -> String {
        let pair = [&self.name[..], b":", &self.password].concat();
        let digits = base64::quads(&pair).flatten().map(char::from);
        "Basic ".chars().chain(digits).collect()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Bytes that stand for themselves, and `%` with two digits for any (RFC 3986 §2.1).
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            _ if is_plain(byte) => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// `unreserved`, `sub-delims` and the colon (RFC 3986 §3.2.1).
const fn is_plain(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&[u8], &[u8])>) {
        let got = Credentials::parse(text);
        assert_eq!(got.as_ref().map(|it| (it.name(), it.password())), expect, "{text:?}");
    }

    #[test]
    fn rfc_3986_s3_2_1_a_name_and_a_password_are_decoded() {
        check("a", Some((b"a", b"")));
        check("a:", Some((b"a", b"")));
        check(":b", Some((b"", b"b")));
        check("a:b:c", Some((b"a", b"b:c")));
        check("a%40b:%2f%3A%25", Some((b"a@b", b"/:%")));
        check("%C3%A4:%ff", Some(("ä".as_bytes(), b"\xff")));
        check("-._~!$&'()*+,;=", Some((b"-._~!$&'()*+,;=", b"")));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", ":", "%", "%4", "a:%", "a:%4", "%zz", "%+1", "a@b", "a:b@c", "a b", "a/b", "a[",
            "a\\b", "ä", "a:\"", "a:<", "a:\r\n",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn rfc_7617_s2_a_name_has_no_colon_and_neither_has_controls() {
        for text in ["a%3Ab:c", "a%0d%0a:b", "a:b%0D%0A", "a:%00", "a:%7f", "%1f"] {
            check(text, None);
        }
        assert_eq!(Credentials::new("a:b", "c"), None);
        assert_eq!(Credentials::new("a", "b\n"), None);
    }

    #[test]
    fn rfc_7617_s2_the_pair_is_sent_in_base64() {
        let basic = |name: &str, password| Credentials::new(name, password).unwrap().to_basic();
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("test", "123£"), "Basic dGVzdDoxMjPCow==");
        assert_eq!(basic("", ""), "Basic Og==");
    }

    #[test]
    fn nobody_reads_them_in_a_log() {
        let secret = Credentials::parse("hans:geheim").unwrap();
        assert_eq!(format!("{secret:?} {secret:#?}"), "Credentials(..) Credentials(..)");
    }
}

//! Agreeing on the parameters (§5, §7.1).
//!
//! A parameter is parsed to a closed set once; from there on only the rules of who may ask for what
//! are left. An offer with anything else in it is declined, an answer with anything else is refused.

use std::fmt::Write;

use super::config::{DeflateConfig, Side, WindowBits};
use super::error::DeflateRefused;
use crate::Role;
use crate::handshake::extensions::Extension;

/// The name of the extension (§7).
const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What both ends agreed on, or less where this end decided to use less.
///
/// The default is what a bare `permessage-deflate` means: 32 KiB windows that are taken over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeflateParams {
    /// The server starts each message with an empty window (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client starts each message with an empty window (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The window that the server compresses with (§7.1.2.1).
    pub server_max_window_bits: WindowBits,
    /// The window that the client compresses with (§7.1.2.2).
    pub client_max_window_bits: WindowBits,
}

impl DeflateParams {
    /// What `role` compresses with.
    pub(super) fn sender(&self, role: Role) -> Side {
        let (no_takeover, window_bits) = match role {
            Role::Server => (self.server_no_context_takeover, self.server_max_window_bits),
            Role::Client => (self.client_no_context_takeover, self.client_max_window_bits),
        };
        Side { window_bits, takeover: !no_takeover }
    }
}

impl Default for DeflateParams {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: WindowBits::MAX,
            client_max_window_bits: WindowBits::MAX,
        }
    }
}

impl DeflateConfig {
    /// The server's side: takes the first offer that is acceptable and gives what was agreed and the
    /// element to answer with in `Sec-WebSocket-Extensions`. `None` means to go on uncompressed.
    ///
    /// The answer asks for nothing the client may not know: `client_max_window_bits` and
    /// `server_max_window_bits` stand in it only if they were offered. The two takeover parameters
    /// may be added by any server, and every client has to follow them (§7.1.1).
    pub fn negotiate(&self, offers: &[Extension]) -> Option<(DeflateParams, String)> {
        let offer = offers.iter().find_map(|offer| Parameters::parse(offer).ok()?.into_offer())?;
        Some(self.agree(&offer))
    }

    fn agree(&self, offer: &Parameters) -> (DeflateParams, String) {
        let (own, peer) = (self.own(), self.peer());
        let server_bits = offer.server_bits().unwrap_or(WindowBits::MAX).min(own.window_bits);
        let client_bits = match offer.client_max_window_bits {
            Some(hint) => hint.unwrap_or(WindowBits::MAX).min(peer.window_bits),
            None => WindowBits::MAX,
        };
        let params = DeflateParams {
            server_no_context_takeover: offer.server_no_context_takeover || !own.takeover,
            client_no_context_takeover: offer.client_no_context_takeover || !peer.takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        };
        let answer = Parameters {
            server_no_context_takeover: params.server_no_context_takeover,
            client_no_context_takeover: params.client_no_context_takeover,
            // Without the parameter in the offer a smaller window is ours to use unsaid (§7.1.2.1).
            server_max_window_bits: offer.server_max_window_bits.map(|_| Some(server_bits)),
            client_max_window_bits: (client_bits < WindowBits::MAX).then_some(Some(client_bits)),
        };
        (params, answer.to_element())
    }

    /// The client's side: what to offer in `Sec-WebSocket-Extensions`.
    ///
    /// Where the server is asked for a smaller window, a second element offers the same without that,
    /// for servers that cannot make their window smaller (§5: elements in the order of preference).
    pub fn offer(&self) -> String {
        let (own, peer) = (self.own(), self.peer());
        let smaller = |bits| Some(bits).filter(|&bits| bits < WindowBits::MAX);
        let wish = Parameters {
            server_no_context_takeover: !peer.takeover,
            client_no_context_takeover: !own.takeover,
            server_max_window_bits: smaller(peer.window_bits).map(Some),
            // Also without a value: it tells the server that it may ask for a smaller window.
            client_max_window_bits: Some(smaller(own.window_bits)),
        };
        let first = wish.to_element();
        if wish.server_max_window_bits.is_none() {
            return first;
        }
        let second = Parameters { server_max_window_bits: None, ..wish }.to_element();
        [first, second].join(", ")
    }

    /// The client's side: checks what the server made of [`DeflateConfig::offer`].
    ///
    /// # Errors
    ///
    /// The answer does not accept that offer as §7.1 says; the connection has to be failed.
    pub fn accept_response(&self, response: &Extension) -> Result<DeflateParams, DeflateRefused> {
        let answer = Parameters::parse(response)?;
        let (own, peer) = (self.own(), self.peer());
        if !peer.takeover && !answer.server_no_context_takeover {
            return Err(DeflateRefused::NotConfirmed(SERVER_NO_CONTEXT_TAKEOVER));
        }
        Ok(DeflateParams {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: answer.client_no_context_takeover || !own.takeover,
            server_max_window_bits: answer.accepted_server_bits(peer.window_bits)?,
            client_max_window_bits: answer.accepted_client_bits(own.window_bits)?,
        })
    }
}

/// The parameters of one element, as they were written.
#[derive(Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    /// The inner `None` is a parameter without a value.
    server_max_window_bits: Option<Option<WindowBits>>,
    client_max_window_bits: Option<Option<WindowBits>>,
}

impl Parameters {
    fn parse(extension: &Extension) -> Result<Self, DeflateRefused> {
        if extension.name() != NAME {
            return Err(DeflateRefused::OtherExtension);
        }
        let mut parsed = Self::default();
        for (name, value) in extension.params() {
            match name {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    flag(
                        &mut parsed.server_no_context_takeover,
                        SERVER_NO_CONTEXT_TAKEOVER,
                        value,
                    )?;
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    flag(
                        &mut parsed.client_no_context_takeover,
                        CLIENT_NO_CONTEXT_TAKEOVER,
                        value,
                    )?;
                }
                SERVER_MAX_WINDOW_BITS => {
                    bits(&mut parsed.server_max_window_bits, SERVER_MAX_WINDOW_BITS, value)?;
                }
                CLIENT_MAX_WINDOW_BITS => {
                    bits(&mut parsed.client_max_window_bits, CLIENT_MAX_WINDOW_BITS, value)?;
                }
                _ => return Err(DeflateRefused::UnknownParameter),
            }
        }
        Ok(parsed)
    }

    /// These parameters if a client may offer them: `server_max_window_bits` needs a value there.
    fn into_offer(self) -> Option<Self> {
        (self.server_max_window_bits != Some(None)).then_some(self)
    }

    fn server_bits(&self) -> Option<WindowBits> {
        self.server_max_window_bits.flatten()
    }

    /// §7.1.2.1: a server that was asked for a window answers with that one or a smaller one. One
    /// that names none has taken the offer without, if it knows: some servers take any offer of the
    /// extension and leave out what they do not understand. A larger one answers neither offer.
    fn accepted_server_bits(&self, asked: WindowBits) -> Result<WindowBits, DeflateRefused> {
        match self.server_max_window_bits {
            None => Ok(WindowBits::MAX),
            Some(None) => Err(DeflateRefused::InvalidValue(SERVER_MAX_WINDOW_BITS)),
            Some(Some(bits)) if bits > asked => {
                Err(DeflateRefused::WindowTooLarge(SERVER_MAX_WINDOW_BITS))
            }
            Some(Some(bits)) => Ok(bits),
        }
    }

    /// §7.1.2.2: the server may ask for a smaller window. A larger one, or none, leaves ours as it is:
    /// the value in the offer says that no larger one will be used, whatever the answer.
    fn accepted_client_bits(&self, offered: WindowBits) -> Result<WindowBits, DeflateRefused> {
        match self.client_max_window_bits {
            None => Ok(offered),
            Some(None) => Err(DeflateRefused::InvalidValue(CLIENT_MAX_WINDOW_BITS)),
            Some(Some(bits)) => Ok(bits.min(offered)),
        }
    }

    fn to_element(&self) -> String {
        let mut element = String::from(NAME);
        let flags = [
            (SERVER_NO_CONTEXT_TAKEOVER, self.server_no_context_takeover),
            (CLIENT_NO_CONTEXT_TAKEOVER, self.client_no_context_takeover),
        ];
        for (name, _) in flags.into_iter().filter(|(_, on)| *on) {
            element.push_str("; ");
            element.push_str(name);
        }
        let windows = [
            (SERVER_MAX_WINDOW_BITS, self.server_max_window_bits),
            (CLIENT_MAX_WINDOW_BITS, self.client_max_window_bits),
        ];
        for (name, value) in windows.into_iter().filter_map(|(name, it)| Some((name, it?))) {
            element.push_str("; ");
            element.push_str(name);
            if let Some(bits) = value {
                // Writing to a `String` cannot fail.
                let _ = write!(element, "={bits}");
            }
        }
        element
    }
}

/// A parameter that has no value (§7.1.1).
fn flag(seen: &mut bool, name: &'static str, value: Option<&str>) -> Result<(), DeflateRefused> {
    if *seen {
        return Err(DeflateRefused::DuplicateParameter(name));
    }
    if value.is_some() {
        return Err(DeflateRefused::InvalidValue(name));
    }
    *seen = true;
    Ok(())
}

/// A window, or no value at all; where that is not allowed is up to the caller.
fn bits(
    seen: &mut Option<Option<WindowBits>>,
    name: &'static str,
    value: Option<&str>,
) -> Result<(), DeflateRefused> {
    if seen.is_some() {
        return Err(DeflateRefused::DuplicateParameter(name));
    }
    let bits = value.map(|it| decimal(it).ok_or(DeflateRefused::InvalidValue(name))).transpose()?;
    *seen = Some(bits);
    Ok(())
}

/// §7.1.2: 8 to 15 in decimal without leading zeros, which leaves eight spellings.
fn decimal(value: &str) -> Option<WindowBits> {
    let number = match value.as_bytes() {
        [digit @ b'8'..=b'9'] => digit - b'0',
        [b'1', digit @ b'0'..=b'5'] => 10 + (digit - b'0'),
        _ => return None,
    };
    WindowBits::new(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §7.1.2.1: no leading zero, no sign, no space, nothing outside 8 to 15.
    #[test]
    fn s7_1_2_window_bits_have_eight_spellings() {
        for number in 0..=1000_u16 {
            let expect = u8::try_from(number).ok().and_then(WindowBits::new);
            assert_eq!(decimal(&number.to_string()), expect);
        }
        for bad in
            ["", "08", "012", "+12", "-8", " 12", "12 ", "1 2", "\"12\"", "0xc", "１２", "8.0"]
        {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }
}

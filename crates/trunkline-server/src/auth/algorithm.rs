//! [`Algorithm`]: the ways of signing that are known (RFC 7518 §3.1, RFC 8037 §3.1).

/// How a token is signed. `none` is no way of signing; ES512 is one that nobody here can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
#[non_exhaustive]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// The algorithm of this name, which is compared letter by letter: `NoNe` and `hs256` are unknown.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::HS256,
            "HS384" => Self::HS384,
            "HS512" => Self::HS512,
            "RS256" => Self::RS256,
            "RS384" => Self::RS384,
            "RS512" => Self::RS512,
            "PS256" => Self::PS256,
            "PS384" => Self::PS384,
            "PS512" => Self::PS512,
            "ES256" => Self::ES256,
            "ES384" => Self::ES384,
            "EdDSA" => Self::EdDSA,
            _ => return None,
        })
    }

    /// Whether it is checked with a public key, and not with a secret.
    pub const fn is_public(self) -> bool {
        !matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

//! A connected socket, plain or with TLS, with the manners of `send` and `recv` on one that does not block.

use crate::sys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::io::{self, Read, Write};
use std::os::fd::RawFd;
use std::sync::{Arc, OnceLock};

pub struct Link {
    pub fd: RawFd,
    tls: Option<Box<ClientConnection>>,
}

/// The socket below TLS.
struct Socket(RawFd);

fn done(n: isize) -> io::Result<usize> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        done(sys::recv(self.0, buf))
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        done(sys::send(self.0, buf))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Link {
    /// Takes over a socket that blocks still, and shakes hands over TLS if that is asked for.
    pub fn new(fd: RawFd, tls: bool) -> Result<Self, String> {
        let mut link = Self { fd, tls: None };
        if tls {
            let name = ServerName::try_from("localhost").expect("a name");
            let mut tls = ClientConnection::new(config(), name).map_err(|e| e.to_string())?;
            while tls.is_handshaking() {
                tls.complete_io(&mut Socket(fd)).map_err(|e| format!("TLS: {e}"))?;
            }
            link.tls = Some(Box::new(tls));
        }
        Ok(link)
    }

    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// How much of `b` was taken; negative as `send` is.
    pub fn send(&mut self, b: &[u8]) -> isize {
        let Some(tls) = &mut self.tls else { return sys::send(self.fd, b) };
        if let Err(n) = flush(tls, self.fd) {
            return n;
        }
        let taken = tls.writer().write(b).unwrap_or(0);
        // What the socket does not take now goes out with the next call.
        let _ = flush(tls, self.fd);
        taken as isize
    }

    /// Whether records wait for the socket.
    pub fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Writes records that wait.
    pub fn flush(&mut self) {
        if let Some(tls) = &mut self.tls {
            let _ = flush(tls, self.fd);
        }
    }

    /// As `recv`. With TLS, less than `buf` holds says nothing about what is left.
    pub fn recv(&mut self, buf: &mut [u8]) -> isize {
        let Some(tls) = &mut self.tls else { return sys::recv(self.fd, buf) };
        loop {
            match tls.reader().read(buf) {
                Ok(n) if n > 0 => return n as isize,
                Ok(_) => return 0,
                Err(_) => {}
            }
            match tls.read_tls(&mut Socket(self.fd)) {
                Ok(0) => return 0,
                Ok(_) => {}
                Err(_) => return -1,
            }
            if let Err(e) = tls.process_new_packets() {
                crate::die(&format!("TLS: {e}"));
            }
        }
    }
}

fn flush(tls: &mut ClientConnection, fd: RawFd) -> Result<(), isize> {
    while tls.wants_write() {
        tls.write_tls(&mut Socket(fd)).map_err(|_| -1isize)?;
    }
    Ok(())
}

/// One for all connections; each shakes hands in full, as different clients do.
fn config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let made = || {
        let mut config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    };
    Arc::clone(CONFIG.get_or_init(made))
}

/// Takes any certificate: the servers are ours, and make one up each time that they start.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

use futures_util::io::{BufReader, BufWriter};
use soketto::Data;
use soketto::handshake::{Server, server::Response};
use tokio_util::compat::TokioAsyncReadCompatExt;

fn main() {
    let a = peers::args();
    peers::serve(a, move |s| async move {
        // As in the crate's own echo server: buffered on both sides.
        let mut srv = Server::new(BufReader::with_capacity(
            8 << 10,
            BufWriter::with_capacity(16 << 10, s.compat()),
        ));
        let key = match srv.receive_request().await {
            Ok(r) => r.key(),
            Err(_) => return,
        };
        if srv.send_response(&Response::Accept { key, protocol: None }).await.is_err() {
            return;
        }
        let (mut tx, mut rx) = srv.into_builder().finish();
        let mut m = Vec::new();
        loop {
            m.clear();
            let r = match rx.receive_data(&mut m).await {
                // SAFETY: the load generator sends valid text only; the crate does not check it.
                Ok(Data::Text(_)) => {
                    tx.send_text(unsafe { std::str::from_utf8_unchecked(&m) }).await
                }
                Ok(Data::Binary(_)) => tx.send_binary_mut(&mut m).await,
                Err(_) => return,
            };
            if r.is_err() || tx.flush().await.is_err() {
                return;
            }
        }
    })
}

use tokio_websockets::{Config, Limits, ServerBuilder};

fn main() {
    let a = peers::args();
    let naive = a.naive;
    peers::serve(a, move |s| async move {
        let b = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::unlimited());
        if let Ok((_req, ws)) = b.accept(s).await {
            peers::echo(ws, naive, |m: &tokio_websockets::Message| m.is_text() || m.is_binary())
                .await
        }
    })
}

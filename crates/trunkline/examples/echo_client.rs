//! The smallest client: says something, waits for the answer, closes.

use std::error::Error;

use trunkline::CloseCode;

/// Asks the server that `url` names to say `text` back, and gives what it says.
pub async fn ask(url: &str, text: &str) -> Result<Option<String>, Box<dyn Error>> {
    let mut ws = trunkline::connect(url).await?;
    ws.send(text).await?;
    let answer = ws.recv().await?;
    ws.close(CloseCode::NORMAL, "").await?;
    Ok(answer.and_then(|message| message.as_text().map(str::to_owned)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("{:?}", ask("ws://127.0.0.1:9001/", "hello").await?);
    Ok(())
}

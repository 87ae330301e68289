//! A server whose requests are decided: `countersign-example-axum POLICY.json ORIGIN ADDRESS`, for example
//! `countersign-example-axum policy.json https://api.example 127.0.0.1:8080`.
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use countersign_tower::{CountersignLayer, EngineHandle, Identity, PolicyDocument};
use tokio::net::TcpListener;

/// Reached by accepted requests alone.
async fn orders(Extension(identity): Extension<Identity>) -> String {
    format!("orders of {}\n", identity.subject().unwrap_or_default())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [policy_file, origin, address] = arguments.as_slice() else {
        return Err("usage: countersign-example-axum POLICY.json ORIGIN ADDRESS".into());
    };
    let log = |line: &str| eprintln!("{line}");

    // Or every fault of the document, each with its JSON pointer.
    let document = PolicyDocument::parse(&std::fs::read(policy_file)?).map_err(|faults| faults[0].to_string())?;
    let directory = Path::new(policy_file).parent().unwrap_or(Path::new("."));
    let engine = EngineHandle::start(document, directory, &mut { log })?; // one for the process
    engine.look_every(Duration::from_secs(1), log)?; // keys and bundles are read again when their files change
    let layer = CountersignLayer::builder(engine, "default")
        .origin(origin) // what proofs are for, whatever a client's Host says
        .on_decision(move |decision| log(&decision.audit().to_string()))
        .build()?;

    // Outermost: no handler and no other layer is reached by a refused request.
    let router = Router::new().route("/orders", get(orders)).layer(layer);
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

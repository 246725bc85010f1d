use redlock_core::{Entropy, FencedStore, FencedStoreError, FencingToken, OsEntropy};

use super::bench::Stop;
use super::{NonConformance, Report, Verdict, verdict};

/// Checks the store's side of fencing tokens: that a token is remembered at the first contact, a read's too, that an older one
/// is refused and changes nothing, and that the newest may come again.
///
/// Its keys are fresh in each run, and stay behind: a fenced store has no way to forget one.
///
/// ```
/// # use redlock_core::{Entropy, FencedStore, FencedStoreError, FencingToken, async_trait};
/// # async fn f(store: impl FencedStore) -> Result<(), Box<dyn std::error::Error>> {
/// let report = redlock_testkit::conformance::fenced_store(&store).await?;
/// println!("{report}");
/// # Ok(()) }
/// ```
pub async fn fenced_store<S: FencedStore>(store: &S) -> Result<Report, NonConformance> {
    let mut report = Report::default();
    let mut random = [0; 8];
    if let Err(error) = OsEntropy.fill(&mut random) {
        report.add("a prefix for this run", Verdict::Failed(error.to_string()));
        return report.into_result();
    }
    let key = |name: &str| format!("redlock-check:{:016x}:{name}", u64::from_le_bytes(random));
    let keeps = keeps_what_is_written(store, &key("kept")).await;
    report.add("store::keeps_what_is_written", verdict(keeps));
    let writer = refuses_an_older_writer(store, &key("writer")).await;
    report.add("store::refuses_an_older_writer", verdict(writer));
    let reader = remembers_the_token_of_a_reader(store, &key("reader")).await;
    report.add("store::remembers_the_token_of_a_reader", verdict(reader));
    let long = tells_long_tokens_apart(store, &key("long")).await;
    report.add("store::tells_long_tokens_apart", verdict(long));
    let apart = keeps_keys_apart(store, &key("one"), &key("other")).await;
    report.add("store::keeps_keys_apart", verdict(apart));
    report.into_result()
}

fn token(number: u64) -> FencingToken {
    FencingToken::new(number).unwrap_or(FencingToken::MAX)
}

async fn keeps_what_is_written<S: FencedStore>(store: &S, key: &str) -> Result<(), Stop> {
    expect(store, key, 1, None).await?;
    write(store, key, 1, b"").await?;
    expect(store, key, 1, Some(b"")).await?;
    // The same holder again, and with bytes that are no text.
    write(store, key, 1, &[0, 255, b'\r', b'\n']).await?;
    expect(store, key, 2, Some(&[0, 255, b'\r', b'\n'])).await
}

async fn refuses_an_older_writer<S: FencedStore>(store: &S, key: &str) -> Result<(), Stop> {
    write(store, key, 5, b"new").await?;
    stale(store.write(key, token(4), b"old").await, (4, 5))?;
    stale(store.read(key, token(4)).await, (4, 5))?;
    expect(store, key, 5, Some(b"new")).await
}

async fn remembers_the_token_of_a_reader<S: FencedStore>(store: &S, key: &str) -> Result<(), Stop> {
    write(store, key, 5, b"first").await?;
    expect(store, key, 6, Some(b"first")).await?;
    stale(store.write(key, token(5), b"late").await, (5, 6))?;
    expect(store, key, 6, Some(b"first")).await
}

/// hazard: 28
async fn tells_long_tokens_apart<S: FencedStore>(store: &S, key: &str) -> Result<(), Stop> {
    // Sixteen digits, which differ in the last; and the last two that there are.
    for newer in [1_763_793_226_000_002, FencingToken::MAX.get()] {
        write(store, key, newer, b"new").await?;
        stale(store.write(key, token(newer - 1), b"old").await, (newer - 1, newer))?;
        // Before nine comes ten.
        stale(store.write(key, token(9), b"old").await, (9, newer))?;
    }
    Ok(())
}

async fn keeps_keys_apart<S: FencedStore>(store: &S, one: &str, other: &str) -> Result<(), Stop> {
    write(store, one, 9, b"one").await?;
    write(store, other, 1, b"other").await?;
    expect(store, one, 9, Some(b"one")).await
}

async fn write<S: FencedStore>(store: &S, key: &str, number: u64, value: &[u8]) -> Result<(), Stop> {
    store.write(key, token(number), value).await.map_err(|error| {
        Stop::Fail(format!("a write with token {number}, which no older one is after, failed: {error}"))
    })
}

async fn expect<S: FencedStore>(store: &S, key: &str, number: u64, value: Option<&[u8]>) -> Result<(), Stop> {
    match store.read(key, token(number)).await {
        Ok(found) if found.as_deref() == value => Ok(()),
        Ok(found) => Err(Stop::Fail(format!("found {found:?} in place of {value:?}"))),
        Err(error) => Err(Stop::Fail(format!("a read with token {number} failed: {error}"))),
    }
}

fn stale<T, E>(outcome: Result<T, FencedStoreError<E>>, expected: (u64, u64)) -> Result<(), Stop>
where
    E: std::error::Error,
{
    match outcome {
        Err(FencedStoreError::Stale { shown, seen }) if (shown.get(), seen.get()) == expected => Ok(()),
        Err(error) => Err(Stop::Fail(format!("expected token {} to be stale: {error}", expected.0))),
        Ok(_) => Err(Stop::Fail(format!("token {} was let in after {}", expected.0, expected.1))),
    }
}

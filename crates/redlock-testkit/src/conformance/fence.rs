//! Fencing counters: numbers that only rise, whatever becomes of the locks.

use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, AdminReply, BackendError, Capabilities, Evict, Extend, FaultKind, FenceCommit,
    FenceProposal, FencingToken, Grant, Key, KeyState, Keys, Lift, LockCommand, LockReply, LockValue,
    Ownership, RePlant, Release, Ttl,
};

use super::admin::claimed;
use super::bench::{Bench, LEASE, SHORT, Stop, both, checks, ensure, same, ttl};

checks!("fence":
    a_grant_stores_the_candidate_and_the_next_one_more,
    tokens_rise_whatever_becomes_of_the_lock,
    sixteen_digits_are_exact_in_every_step,
    a_candidate_far_ahead_is_cut_off,
    a_counter_at_its_end_gives_an_error_and_no_lock,
    a_counter_that_is_no_number_gives_an_error_and_no_lock,
    a_refusal_raises_nothing,
    an_acquire_that_meets_its_own_grant_gives_the_same_token,
    a_replaced_lock_gives_a_greater_token,
    several_keys_have_one_token,
    a_lift_raises_and_never_lowers,
    a_lift_of_what_is_not_ones_own_raises_nothing,
    an_extension_stores_the_token_again,
    an_extension_of_what_is_not_ones_own_raises_nothing,
    an_extension_works_though_the_counter_does_not,
    a_re_plant_stores_the_token_again,
    a_counter_lives_for_its_retention_from_its_last_use,
);

/// Sixteen digits, and the last is not lost by a float of fourteen.
const EXACT: u64 = 1_763_793_226_000_001;

async fn a_grant_stores_the_candidate_and_the_next_one_more(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = key(bench)?;
    let (first, second, third) = (bench.value(), bench.value(), bench.value());
    same("a first token", &take(bench, &key, &first, 50).await?, &50)?;
    release(bench, &key, &first).await?;
    same("one with a candidate behind", &take(bench, &key, &second, 7).await?, &51)?;
    release(bench, &key, &second).await?;
    same("one with a candidate ahead", &take(bench, &key, &third, 60).await?, &60)
}

/// hazard: 27
async fn tokens_rise_whatever_becomes_of_the_lock(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = key(bench)?;
    let mut last = take(bench, &key, &bench.value(), 1_000).await?;
    let keys = Keys::of(key.clone());
    same(
        "an eviction",
        &bench.lock(LockCommand::Evict(Evict::new(keys.clone()))).await?,
        &LockReply::Evicted(1),
    )?;
    for what in ["after an eviction", "after an expiry"] {
        let mut short = acquire(&keys, &bench.value(), 1)?;
        short.ttl = ttl(SHORT)?;
        let token = token(what, &bench.acquire(short).await?)?;
        ensure(token > last, || format!("{what}: {token} is not above {last}"))?;
        last = token;
        bench.outlive_short().await;
    }
    Ok(())
}

/// hazard: 28
async fn sixteen_digits_are_exact_in_every_step(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    same("a grant", &take(bench, &key, &value, EXACT).await?, &EXACT)?;
    same("the counter", &counter(bench, &key).await?, &Some(EXACT))?;
    same("the same grant", &take(bench, &key, &value, 1).await?, &EXACT)?;
    same("a lift", &lift(bench, &key, &value, EXACT + 1).await?, &Ownership::Mine)?;
    same("the lifted counter", &counter(bench, &key).await?, &Some(EXACT + 1))?;
    same("an extension", &extend(bench, &key, &value, EXACT + 2).await?, &Ownership::Mine)?;
    same("the counter behind it", &counter(bench, &key).await?, &Some(EXACT + 2))?;
    same("a re-plant", &re_plant(bench, &key, &value, EXACT + 3).await?, &true)?;
    same("the counter behind it", &counter(bench, &key).await?, &Some(EXACT + 3))?;
    release(bench, &key, &value).await?;
    same("the next grant", &take(bench, &key, &bench.value(), 1).await?, &(EXACT + 4))
}

async fn a_candidate_far_ahead_is_cut_off(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    let ahead = Duration::from_secs(3600);
    let proposal = FenceProposal::new(FencingToken::MAX).max_ahead(ahead);
    let before = node_time(bench).await?;
    let reply = bench.acquire(Acquire::new(Keys::of(key), value, ttl(LEASE)?).fenced(proposal)).await?;
    let token = Duration::from_micros(token("a candidate far ahead", &reply)?);
    let after = node_time(bench).await?;
    let second = Duration::from_secs(1);
    let fits = before + ahead <= token + second && token <= after + ahead + second;
    ensure(fits, || format!("cut off at {token:?}, where the node's clock says {before:?} to {after:?}"))
}

/// hazard: 28
async fn a_counter_at_its_end_gives_an_error_and_no_lock(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    let end = FencingToken::MAX.get();
    take(bench, &key, &value, 1).await?;
    same("a lift to the end", &lift(bench, &key, &value, end).await?, &Ownership::Mine)?;
    same("the counter", &counter(bench, &key).await?, &Some(end))?;
    same("the grant of the last token", &take(bench, &key, &value, 1).await?, &end)?;
    release(bench, &key, &value).await?;
    fails(bench, &key, FaultKind::FencingExhausted).await?;
    same("the counter afterwards", &counter(bench, &key).await?, &Some(end))
}

/// hazard: 28, 57
async fn a_counter_that_is_no_number_gives_an_error_and_no_lock(bench: &Bench<'_>) -> Result<(), Stop> {
    let key = key(bench)?;
    for (text, kind) in [
        ("nonsense", FaultKind::ForeignFormat),
        ("", FaultKind::ForeignFormat),
        ("-5", FaultKind::ForeignFormat),
        ("1e3", FaultKind::ForeignFormat),
        ("9007199254740992", FaultKind::FencingExhausted),
        ("99999999999999999999999", FaultKind::FencingExhausted),
    ] {
        let counter = Keys::of(key.fence());
        bench.lock(LockCommand::Evict(Evict::new(counter.clone()))).await?;
        let planted = LockValue::from_bytes(text.as_bytes());
        bench.acquire(Acquire::new(counter, planted, ttl(LEASE)?)).await?;
        fails(bench, &key, kind).await?;
    }
    Ok(())
}

async fn a_refusal_raises_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = (pair(bench)?, bench.value());
    take(bench, &pair.1, &value, 10).await?;
    let reply = bench.acquire(acquire(&both(&pair), &bench.value(), 99)?).await?;
    ensure(matches!(reply, LockReply::Refused(_)), || format!("a held key among two: {reply:?}"))?;
    same("the counter of the held key", &counter(bench, &pair.1).await?, &Some(10))?;
    same("the counter of the free key", &counter(bench, &pair.0).await?, &None)
}

/// hazard: 27
async fn an_acquire_that_meets_its_own_grant_gives_the_same_token(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = (pair(bench)?, bench.value());
    let again = acquire(&both(&pair), &value, 40)?;
    same("two keys", &token("two keys", &bench.acquire(again.clone()).await?)?, &40)?;
    same("sent again", &token("sent again", &bench.acquire(again.clone()).await?)?, &40)?;
    lift(bench, &pair.0, &value, 45).await?;
    same("after a lift", &token("after a lift", &bench.acquire(again).await?)?, &45)
}

async fn a_replaced_lock_gives_a_greater_token(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, older) = (key(bench)?, bench.value());
    take(bench, &key, &older, 30).await?;
    let newer = acquire(&Keys::of(key), &bench.value(), 1)?.replacing(vec![older]);
    same("a replaced lock", &token("a replaced lock", &bench.acquire(newer).await?)?, &31)
}

/// hazard: 39
async fn several_keys_have_one_token(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = (pair(bench)?, bench.value());
    take(bench, &pair.1, &value, 70).await?;
    release(bench, &pair.1, &value).await?;
    let reply = bench.acquire(acquire(&both(&pair), &value, 20)?).await?;
    same("two keys", &token("two keys", &reply)?, &71)?;
    same("the first counter", &counter(bench, &pair.0).await?, &Some(71))?;
    same("the second counter", &counter(bench, &pair.1).await?, &Some(71))?;
    let keys = both(&pair);
    let reply = bench.lock(LockCommand::Lift(Lift::new(keys, value, commit(80)?))).await?;
    same("a lift of two", &reply, &LockReply::Lifted(Ownership::Mine))?;
    same("the first counter", &counter(bench, &pair.0).await?, &Some(80))?;
    same("the second counter", &counter(bench, &pair.1).await?, &Some(80))
}

async fn a_lift_raises_and_never_lowers(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    take(bench, &key, &value, 10).await?;
    same("a lift", &lift(bench, &key, &value, 25).await?, &Ownership::Mine)?;
    same("a lift to less", &lift(bench, &key, &value, 12).await?, &Ownership::Mine)?;
    same("the counter", &counter(bench, &key).await?, &Some(25))?;
    bench.expect_held("the lifted key", (&key, &value), LEASE).await
}

/// A lift that arrives late would raise the next holder's counter above the token that it was told.
///
/// hazard: 27
async fn a_lift_of_what_is_not_ones_own_raises_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value, other) = (pair(bench)?, bench.value(), bench.value());
    take(bench, &pair.0, &value, 10).await?;
    same("another's key", &lift(bench, &pair.0, &other, 90).await?, &Ownership::Other)?;
    same("an absent key", &lift(bench, &pair.1, &value, 90).await?, &Ownership::Absent)?;
    let reply = bench.lock(LockCommand::Lift(Lift::new(both(&pair), value, commit(90)?))).await?;
    same("an own key and an absent one", &reply, &LockReply::Lifted(Ownership::Absent))?;
    same("the counter", &counter(bench, &pair.0).await?, &Some(10))?;
    same("the absent key's counter", &counter(bench, &pair.1).await?, &None)
}

/// A node that forgot the counter learns it again.
///
/// hazard: 14
async fn an_extension_stores_the_token_again(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    take(bench, &key, &value, 10).await?;
    bench.lock(LockCommand::Evict(Evict::new(Keys::of(key.fence())))).await?;
    same("an extension", &extend(bench, &key, &value, 10).await?, &Ownership::Mine)?;
    same("the counter", &counter(bench, &key).await?, &Some(10))?;
    same("an older extension", &extend(bench, &key, &value, 9).await?, &Ownership::Mine)?;
    same("the counter behind it", &counter(bench, &key).await?, &Some(10))?;
    bench.expect_held("the key", (&key, &value), LEASE * 2).await
}

async fn an_extension_of_what_is_not_ones_own_raises_nothing(bench: &Bench<'_>) -> Result<(), Stop> {
    let (pair, value) = (pair(bench)?, bench.value());
    take(bench, &pair.0, &value, 10).await?;
    same("another's", &extend(bench, &pair.0, &bench.value(), 90).await?, &Ownership::Other)?;
    same("an absent one", &extend(bench, &pair.1, &value, 90).await?, &Ownership::Absent)?;
    same("the counter", &counter(bench, &pair.0).await?, &Some(10))?;
    same("the absent key's counter", &counter(bench, &pair.1).await?, &None)
}

/// hazard: 55
async fn an_extension_works_though_the_counter_does_not(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    bench.take(&key, &value, LEASE).await?;
    let nonsense = LockValue::from_bytes(*b"nonsense");
    bench.acquire(Acquire::new(Keys::of(key.fence()), nonsense, ttl(LEASE)?)).await?;
    same("an extension", &extend(bench, &key, &value, 10).await?, &Ownership::Mine)?;
    bench.expect_held("the key", (&key, &value), LEASE * 2).await?;
    let lifted = bench.attempt(&lift_of(&key, &value, 10)?.into(), bench.soon()).await?;
    same("a lift", &lifted.map_err(|error| error.kind()).err(), &Some(FaultKind::ForeignFormat))
}

/// hazard: 14
async fn a_re_plant_stores_the_token_again(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    same("an absent key", &re_plant(bench, &key, &value, 10).await?, &true)?;
    same("the counter", &counter(bench, &key).await?, &Some(10))?;
    same("another's key", &re_plant(bench, &key, &bench.value(), 90).await?, &false)?;
    same("the counter", &counter(bench, &key).await?, &Some(10))
}

async fn a_counter_lives_for_its_retention_from_its_last_use(bench: &Bench<'_>) -> Result<(), Stop> {
    let (key, value) = (key(bench)?, bench.value());
    let lives = async |what: &str, retention: Duration| match bench.state(&key.fence()).await? {
        KeyState::Held { remaining: Some(left), .. } if left <= retention && left + LEASE > retention => {
            Ok(())
        }
        other => Err(Stop::Fail(format!("{what}: {other:?} in place of {retention:?}"))),
    };
    take(bench, &key, &value, 10).await?;
    lives("by default a day", Ttl::DAY.as_duration()).await?;
    let (short, long) = (ttl(LEASE * 2)?, ttl(Ttl::DAY.as_duration() * 2)?);
    let keep = |token, retention| {
        Ok(LockCommand::Lift(Lift::new(
            Keys::of(key.clone()),
            value.clone(),
            commit(token)?.retention(retention),
        )))
    };
    bench.lock(keep(10, short)?).await?;
    lives("never shortened by a use", Ttl::DAY.as_duration()).await?;
    bench.lock(keep(11, short)?).await?;
    lives("never shortened by a greater token", Ttl::DAY.as_duration()).await?;
    bench.lock(keep(10, long)?).await?;
    lives("prolonged by a use", long.as_duration()).await?;
    release(bench, &key, &value).await?;
    take(bench, &key, &value, 20).await?;
    lives("never shortened by a later grant", long.as_duration()).await
}

fn key(bench: &Bench<'_>) -> Result<Key, Stop> {
    claimed(bench, Capabilities::FENCE)?;
    let key = bench.key();
    bench.clean_up_later([key.fence()]);
    Ok(key)
}

fn pair(bench: &Bench<'_>) -> Result<(Key, Key), Stop> {
    Ok((key(bench)?, key(bench)?))
}

/// A fenced acquire that proposes that number.
fn acquire(keys: &Keys, value: &LockValue, candidate: u64) -> Result<Acquire, Stop> {
    let proposal = FenceProposal::new(number(candidate)?);
    Ok(Acquire::new(keys.clone(), value.clone(), ttl(LEASE)?).fenced(proposal))
}

async fn take(bench: &Bench<'_>, key: &Key, value: &LockValue, candidate: u64) -> Result<u64, Stop> {
    token("a free key", &bench.acquire(acquire(&Keys::of(key.clone()), value, candidate)?).await?)
}

fn token(what: &str, reply: &LockReply) -> Result<u64, Stop> {
    match reply {
        LockReply::Granted(Grant { fence: Some(token), .. }) => Ok(token.get()),
        other => Err(Stop::Fail(format!("{what}: no token in {other:?}"))),
    }
}

async fn release(bench: &Bench<'_>, key: &Key, value: &LockValue) -> Result<(), Stop> {
    bench.lock(LockCommand::Release(Release::new(Keys::of(key.clone()), value.clone()))).await?;
    bench.expect_free("a released key", key).await
}

fn lift_of(key: &Key, value: &LockValue, token: u64) -> Result<LockCommand, Stop> {
    Ok(LockCommand::Lift(Lift::new(Keys::of(key.clone()), value.clone(), commit(token)?)))
}

async fn lift(bench: &Bench<'_>, key: &Key, value: &LockValue, token: u64) -> Result<Ownership, Stop> {
    match bench.lock(lift_of(key, value, token)?).await? {
        LockReply::Lifted(ownership) => Ok(ownership),
        other => Err(Stop::Fail(format!("a lift gave {other:?}"))),
    }
}

/// For twice the lease.
async fn extend(bench: &Bench<'_>, key: &Key, value: &LockValue, token: u64) -> Result<Ownership, Stop> {
    let extend = Extend::new(Keys::of(key.clone()), value.clone(), ttl(LEASE * 2)?).fenced(commit(token)?);
    match bench.lock(LockCommand::Extend(extend)).await? {
        LockReply::Extended(ownership) => Ok(ownership),
        other => Err(Stop::Fail(format!("an extension gave {other:?}"))),
    }
}

async fn re_plant(bench: &Bench<'_>, key: &Key, value: &LockValue, token: u64) -> Result<bool, Stop> {
    let plant = RePlant::new(Keys::of(key.clone()), value.clone(), ttl(LEASE)?).fenced(commit(token)?);
    match bench.lock(LockCommand::RePlant(plant)).await? {
        LockReply::RePlanted(planted) => Ok(planted),
        other => Err(Stop::Fail(format!("a re-plant gave {other:?}"))),
    }
}

/// What the counter of the key holds.
async fn counter(bench: &Bench<'_>, key: &Key) -> Result<Option<u64>, Stop> {
    let state = bench.state(&key.fence()).await?;
    let KeyState::Held { value, .. } = &state else { return Ok(None) };
    let digits = std::str::from_utf8(value.as_bytes()).ok().and_then(|text| text.parse().ok());
    digits.map(Some).ok_or_else(|| Stop::Fail(format!("a counter holds {state:?}")))
}

/// A fenced acquire of the free key must fail so, and leave it free.
async fn fails(bench: &Bench<'_>, key: &Key, kind: FaultKind) -> Result<(), Stop> {
    let command = LockCommand::Acquire(acquire(&Keys::of(key.clone()), &bench.value(), 1)?).into();
    let failed: Result<_, BackendError> = bench.attempt(&command, bench.soon()).await?;
    same("a fenced acquire", &failed.map_err(|error| error.kind()).err(), &Some(kind))?;
    bench.expect_free("the key afterwards", key).await
}

/// The node's wall clock.
async fn node_time(bench: &Bench<'_>) -> Result<Duration, Stop> {
    claimed(bench, Capabilities::DESCRIBE)?;
    match bench.admin(AdminCommand::Describe).await? {
        AdminReply::Described(description) => {
            description.time.ok_or_else(|| Stop::Skip("the node does not tell its time".to_owned()))
        }
        other => Err(Stop::Fail(format!("a description gave {other:?}"))),
    }
}

fn commit(token: u64) -> Result<FenceCommit, Stop> {
    Ok(FenceCommit::new(number(token)?))
}

fn number(number: u64) -> Result<FencingToken, Stop> {
    FencingToken::new(number).ok_or_else(|| Stop::Fail(format!("{number} is no fencing token")))
}

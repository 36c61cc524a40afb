//! Tests of the cache, on a clock that they move and with a source that they make.

use super::*;
use jsonwebtoken::Algorithm;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

const LIFETIMES: Lifetimes = Lifetimes {
    max_age: Duration::from_secs(600),
    max_stale: Duration::from_secs(3600),
    cooldown: Duration::from_secs(30),
    patience: Duration::from_secs(5),
};

/// A source that answers with keys of these ids, or fails; each fetch takes a second.
#[derive(Clone)]
struct Source {
    ids: Arc<Mutex<Result<Vec<&'static str>, &'static str>>>,
    fetches: Arc<AtomicUsize>,
}

impl Source {
    fn now(&self, ids: Result<Vec<&'static str>, &'static str>) {
        *self.ids.lock().unwrap() = ids;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        let ids = self.ids.lock().unwrap().clone()?;
        let key = |id: &str| VerificationKey {
            id: Some(id.into()),
            ..VerificationKey::from_ed25519(&[0x58; 32]).unwrap()
        };
        Ok(KeySet { keys: ids.into_iter().map(key).collect(), ignored: Vec::new() })
    }
}

/// A cache that is kept, once its first fetch has ended.
async fn kept(ids: Result<Vec<&'static str>, &'static str>) -> (KeyCache, Source) {
    let cache = KeyCache::new(LIFETIMES);
    let source = Source { ids: Arc::new(Mutex::new(ids)), fetches: Arc::default() };
    tokio::spawn({
        let (cache, source) = (cache.clone(), source.clone());
        async move { cache.keep(|| source.fetch(), &CancellationToken::new()).await }
    });
    after(2).await;
    (cache, source)
}

async fn after(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn header(id: Option<&str>) -> Header {
    Header { kid: id.map(str::to_owned), ..Header::new(Algorithm::EdDSA) }
}

async fn find(cache: &KeyCache, id: &str) -> Result<usize, NoKey> {
    cache.find(&header(Some(id))).await.map(|keys| keys.len())
}

#[tokio::test(start_paused = true)]
async fn keys_are_told_apart_by_id_and_algorithm() {
    let (cache, _) = kept(Ok(vec!["a", "b", "a"])).await;
    assert_eq!(find(&cache, "a").await, Ok(2));
    assert_eq!(cache.find(&header(None)).await.unwrap().len(), 3);
    let other = Header { alg: Algorithm::RS256, ..header(Some("a")) };
    assert_eq!(cache.find(&other).await.unwrap_err(), NoKey::Algorithm);
    assert_eq!(cache.find(&Header { kid: None, ..other }).await.unwrap_err(), NoKey::Algorithm);
    assert_eq!(cache.state(), SourceState { is_up: true, has_keys: true });
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_known_at_its_first_use_and_one_that_was_taken_away_no_longer() {
    let (cache, source) = kept(Ok(vec!["a"])).await;
    source.now(Ok(vec!["b"]));
    assert_eq!(find(&cache, "a").await, Ok(1));
    assert_eq!(find(&cache, "b").await, Ok(1));
    assert_eq!(source.fetches(), 2);
    assert_eq!(find(&cache, "a").await, Err(NoKey::UnknownId));
    assert_eq!(source.fetches(), 2, "the cool-down isn't over");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_ids_costs_one_fetch_in_a_cool_down() {
    let (cache, source) = kept(Ok(vec!["a"])).await;
    let ask = |number: usize| {
        let cache = cache.clone();
        tokio::spawn(async move { find(&cache, &number.to_string()).await })
    };
    let flood: Vec<_> = (0..1000).map(ask).collect();
    for asked in flood {
        assert_eq!(asked.await.unwrap(), Err(NoKey::UnknownId));
    }
    assert_eq!(source.fetches(), 2);
    after(30).await;
    assert_eq!(find(&cache, "x").await, Err(NoKey::UnknownId));
    assert_eq!(source.fetches(), 3);
    assert_eq!(find(&cache, "a").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_stops_no_fetch() {
    let (cache, source) = kept(Ok(vec!["a"])).await;
    source.now(Ok(vec!["b"]));
    assert!(timeout(Duration::from_millis(10), find(&cache, "b")).await.is_err());
    assert_eq!(find(&cache, "b").await, Ok(1));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_came_after_a_running_fetch_was_answered_is_asked_for_again() {
    let cache = KeyCache::new(LIFETIMES);
    let fetches = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let (cache, fetches) = (cache.clone(), Arc::clone(&fetches));
        let fetch = move || {
            let id = if fetches.fetch_add(1, Ordering::Relaxed) < 2 { "a" } else { "b" };
            let source = Source { ids: Arc::new(Mutex::new(Ok(vec![id]))), fetches: Arc::default() };
            async move { source.fetch().await }
        };
        async move { cache.keep(fetch, &CancellationToken::new()).await }
    });
    after(2).await;
    cache.0.known.send_modify(|known| known.under_way = true);
    cache.0.wanted.notify_one();
    assert_eq!(find(&cache, "b").await, Ok(1));
    assert_eq!(fetches.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_before_they_are_old() {
    let (cache, source) = kept(Ok(vec!["a"])).await;
    source.now(Ok(vec!["b"]));
    after(602).await;
    assert!((2..=3).contains(&source.fetches()), "{}", source.fetches());
    assert_eq!(among(&cache.keys(), &header(Some("b"))).unwrap().len(), 1);
    assert!(cache.age().unwrap() <= LIFETIMES.max_age);
}

#[tokio::test(start_paused = true)]
async fn old_keys_are_used_while_the_source_is_out_but_not_for_ever() {
    let (cache, source) = kept(Ok(vec!["a"])).await;
    source.now(Err("out"));
    after(600 + 3590).await;
    assert_eq!(find(&cache, "a").await, Ok(1));
    assert_eq!(cache.state(), SourceState { is_up: false, has_keys: true });
    assert_eq!(find(&cache, "new").await, Err(NoKey::Unavailable), "it may be good");
    let fetches = source.fetches();
    assert!((100..=320).contains(&fetches), "tried every half minute at most: {fetches}");
    after(20).await;
    assert_eq!(find(&cache, "a").await, Err(NoKey::Unavailable));
    assert_eq!(cache.state(), SourceState { is_up: false, has_keys: false });
    source.now(Ok(vec!["a"]));
    after(35).await;
    assert_eq!(find(&cache, "a").await, Ok(1));
    assert_eq!(cache.state(), SourceState { is_up: true, has_keys: true });
}

#[tokio::test(start_paused = true)]
async fn before_the_first_fetch_nothing_is_said_of_any_token() {
    let (cache, source) = kept(Err("out")).await;
    assert_eq!(find(&cache, "a").await, Err(NoKey::Unavailable));
    assert_eq!(cache.find(&header(None)).await.unwrap_err(), NoKey::Unavailable);
    assert_eq!(cache.state(), SourceState { is_up: false, has_keys: false });
    assert_eq!(cache.age(), None);
    source.now(Ok(vec!["a"]));
    after(10).await;
    assert_eq!(find(&cache, "a").await, Ok(1));
}

//! Operators work on who is who over the API: they look, try another configuration, decide, and take it back. What they decided stands
//! after every run.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::people_office::{MAPPINGS, Office, accounts, assert_stands, refused_by, text};

#[tokio::test]
async fn the_queue_is_looked_at_and_another_configuration_tried() {
    let office = Office::open().await;
    lists(&office).await;
    let conflicts = queue(&office).await;
    configuration(&office, conflicts).await;
}

/// A query, and which rows it keeps.
type Filter<'a> = (&'a str, &'a dyn Fn(&Value) -> bool);

/// Filters hold, sorts sort, and pages make up the list.
async fn lists(office: &Office) {
    let http = &office.app.http;
    let all = http.get_all(MAPPINGS).await;
    let ids = |rows: &[Value]| rows.iter().map(|row| text(&row["identity"]["id"])).collect::<Vec<_>>();
    let list = async |query: &str| http.get_all(&format!("{MAPPINGS}?{query}")).await;
    let of =
        |keep: &dyn Fn(&Value) -> bool| all.iter().filter(|row| keep(row)).map(|row| text(&row["identity"]["id"])).collect::<BTreeSet<_>>();
    let sure = |row: &Value| row["confidence"].as_f64().unwrap();
    let amelie = office.mapping("gitlab", "arousseau").await["person"]["id"].clone();
    let person = format!("person={}", text(&amelie));
    let filters: [Filter<'_>; 8] = [
        ("status=conflict", &|row| row["status"] == "conflict"),
        ("status=auto", &|row| row["status"] == "auto"),
        ("source=jira", &|row| row["identity"]["source"] == "jira"),
        ("min_confidence=0.99", &|row| sure(row) >= 0.99),
        ("max_confidence=0.99", &|row| sure(row) <= 0.99),
        ("service_accounts=true", &|row| row["person"]["is_bot"] == true),
        ("q=silva", &|row| row["identity"].to_string().to_lowercase().contains("silva")),
        (&person, &|row| row["person"]["id"] == amelie),
    ];
    for (query, keep) in filters {
        let found: BTreeSet<String> = ids(&list(query).await).into_iter().collect();
        assert_eq!(found, of(keep), "{query}");
        assert!(!found.is_empty() && found.len() < all.len(), "{query} says nothing");
    }
    assert!(list("since=2100-01-01").await.is_empty() && list("until=2000-01-01").await.is_empty());
    assert!(list("status=superseded").await.iter().all(|row| row["ended_at"].is_string()));

    let since = |row: &Value| text(&row["since"]).parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros() as f64;
    let key = |row: &Value, sort: &str| if sort.starts_with("age") { since(row) } else { sure(row) };
    for sort in ["confidence", "confidence_desc", "age", "age_desc"] {
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = http.get(&format!("{MAPPINGS}?sort={sort}&limit=7{cursor}")).await;
            paged.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(ids(&paged).into_iter().collect::<BTreeSet<_>>(), of(&|_| true), "{sort}: each once");
        assert_eq!(paged.len(), all.len());
        let mut keys: Vec<f64> = paged.iter().map(|row| key(row, sort)).collect();
        if sort.ends_with("_desc") {
            keys.reverse();
        }
        assert!(keys.is_sorted(), "{sort}: {keys:?}");
    }
    for wrong in ["min_confidence=2", "status=maybe", "sort=name", "limit=0", "cursor=x", "person=x", "colour=red"] {
        refused_by(http, Method::GET, &format!("{MAPPINGS}?{wrong}"), None, 400, "VALIDATION_ERROR").await;
    }
}

/// Both sides of each question with what speaks for and against; how many there are.
async fn queue(office: &Office) -> usize {
    let conflicts = office.app.http.get_all(&format!("{MAPPINGS}/conflicts")).await;
    for conflict in &conflicts {
        assert_eq!(conflict["mapping"]["status"], "conflict", "{conflict}");
        assert!(conflict["mapping"]["conflict_since"].is_string());
        for candidate in conflict["candidates"].as_array().filter(|all| !all.is_empty()).unwrap() {
            let sure = candidate["confidence"].as_f64().unwrap();
            assert!((0.05..1.0).contains(&sure) && !candidate["trace"].as_array().unwrap().is_empty(), "{candidate}");
            assert!(!text(&candidate["explanation"]).is_empty());
            assert_ne!(candidate["identity"]["id"], conflict["mapping"]["identity"]["id"]);
            let own = candidate["accounts"].as_array().unwrap();
            assert!(own.iter().any(|account| account["id"] == candidate["identity"]["id"]), "{candidate}");
        }
    }
    // it is asked whether the planted namesake is the other one, who has an account in the tracker too
    let maria = conflicts.iter().find(|conflict| conflict["mapping"]["identity"]["username"] == "maria-silva-pt").unwrap();
    let others = maria["candidates"].as_array().unwrap().iter().flat_map(|candidate| candidate["accounts"].as_array().unwrap());
    assert!(others.into_iter().any(|account| account["username"] == "msilva"), "{maria}");

    let stats = office.app.http.get(&format!("{MAPPINGS}/stats")).await;
    let all = office.app.http.get_all(MAPPINGS).await;
    assert_eq!((&stats["accounts"], &stats["queue"]["size"]), (&json!(all.len()), &json!(conflicts.len())), "{stats}");
    let of = |source: &str| {
        stats["sources"].as_array().unwrap().iter().find(|row| row["source"] == source).unwrap()["accounts"].as_u64().unwrap()
    };
    assert_eq!(of("gitlab") + of("jira"), all.len() as u64);
    let rate = stats["match_rate"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&rate) && stats["queue"]["oldest_seconds"].as_i64() >= Some(0), "{stats}");
    conflicts.len()
}

/// A preview changes nothing, and says what the configuration does once it is in force.
async fn configuration(office: &Office, conflicts: usize) {
    let http = &office.app.http;
    let (before, shipped) = (office.standing().await, http.get("/team/matching-config").await);
    assert_eq!(shipped["version"], 0);
    let mut strict = shipped["config"].clone();
    strict["thresholds"]["auto"] = json!(0.99);
    let (status, run) = http.post(&format!("{MAPPINGS}/preview"), json!({"config": strict})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = office.app.run_end(run["id"].as_str().unwrap(), 60).await;
    let preview = &run["result"];
    assert_eq!((&run["status"], &preview["preview"]), (&json!("succeeded"), &json!(true)), "{run}");
    assert_eq!(preview["conflicts_now"], conflicts, "{preview}");
    let then = preview["conflicts_then"].as_u64().unwrap();
    assert!(then > conflicts as u64 && !preview["sample"].as_array().unwrap().is_empty(), "{preview}");
    assert_eq!(
        (office.standing().await, &http.get("/team/matching-config").await),
        (before.clone(), &shipped),
        "a preview changes nothing"
    );

    let put = async |body: Value| http.send(Method::PUT, "/team/matching-config", Some(body)).await;
    let (status, one) = put(json!({"config": strict, "expected_version": 0, "note": "ask more"})).await;
    assert_eq!((status, &one["version"], &one["note"]), (StatusCode::OK, &json!(1), &json!("ask more")), "{one}");
    office.quiet().await;
    let stats = http.get(&format!("{MAPPINGS}/stats")).await;
    assert_eq!(stats["queue"]["size"], then, "it does what the preview said");

    let body = json!({"config": shipped["config"], "expected_version": 0});
    let stale = refused_by(http, Method::PUT, "/team/matching-config", Some(body), 409, "CONFLICT").await;
    assert!(text(&stale["detail"]).contains("token:first put version 1"), "{stale}");
    for (field, value) in [
        ("/thresholds", json!([0.9, 0.5])),
        ("/thresholds/auto", json!(2)),
        ("/thresholds/auto", json!("much")),
        ("/weights/name", json!(-1)),
    ] {
        let mut wrong = shipped["config"].clone();
        *wrong.pointer_mut(field).unwrap() = value;
        let problem =
            refused_by(http, Method::POST, &format!("{MAPPINGS}/preview"), Some(json!({"config": wrong})), 400, "VALIDATION_ERROR").await;
        assert_eq!(problem["errors"][0]["field"], format!("config{}", field.replace('/', ".")), "{problem}");
    }
    let (status, two) = put(json!({"config": shipped["config"], "expected_version": 1})).await;
    assert_eq!((status, &two["version"]), (StatusCode::OK, &json!(2)), "{two}");
    office.quiet().await;
    let people = |standing: &std::collections::BTreeMap<String, Value>| {
        standing.iter().map(|(id, row)| (id.clone(), (row["person"].clone(), row["status"].clone()))).collect::<Vec<_>>()
    };
    assert_eq!(people(&office.standing().await), people(&before), "back as it was, under the same ids");
    assert_eq!(http.get_all("/team/matching-config/versions").await.len(), 2);
}

#[tokio::test]
async fn decisions_stand_after_every_run_until_they_are_undone() {
    let office = Office::open().await;
    let first = office.standing().await;
    let mut taken = Vec::new();
    taken.push(confirmed(&office).await);
    taken.push(remapped(&office).await);
    taken.push(split_off(&office).await);
    taken.push(merged(&office).await);
    taken.push(never_one(&office).await);
    at_once(&office).await;
    on_record(&office, &taken).await;
    strangers(&office, &taken).await;

    // another run by itself changes nothing of it
    let stands = office.standing().await;
    let (_, run) = office.app.http.post("/runs", json!({"kind": "matching"})).await;
    office.app.run_end(run["id"].as_str().unwrap(), 60).await;
    office.quiet().await;
    assert_stands(&office.standing().await, &stands, "nothing was done");

    let unknown = office.refused("undo", json!({"decision_id": 999_999}), 404, "NOT_FOUND").await;
    assert!(text(&unknown["detail"]).contains("999999"), "{unknown}");
    office.undo_all(&taken.iter().collect::<Vec<_>>()).await;
    assert_stands(&office.standing().await, &first, "all taken back: everything is as it was");
    office.refused("undo", json!({"decision_id": taken[0]}), 409, "CONFLICT").await;
}

/// A namesake is confirmed to be nobody else: the question is settled and not asked again.
async fn confirmed(office: &Office) -> Value {
    let maria = office.mapping("gitlab", "maria-silva-pt").await;
    let (id, person, version) = (&maria["identity"]["id"], &maria["person"]["id"], maria["version"].as_i64().unwrap());
    let body = |version: i64| json!({"identity_id": id, "person_id": person, "expected_version": version, "reason": "asked her"});
    let stale = office.refused("confirm", body(version + 5), 409, "CONFLICT").await;
    assert!(text(&stale["detail"]).contains(&format!("at version {version}, not {}", version + 5)), "{stale}");
    let decided = office.decide("confirm", body(version)).await;
    let now = office.mapping("gitlab", "maria-silva-pt").await;
    assert_eq!((&now["status"], &now["person"]["id"], &now["confidence"]), (&json!("confirmed"), person, &json!(1.0)), "{now}");
    assert_eq!((&now["decided_by"], &now["reason"]), (&json!("token:first"), &json!("asked her")));
    let asked = office.app.http.get_all(&format!("{MAPPINGS}/conflicts")).await;
    let asks = |conflict: &&Value| conflict.to_string().contains(&text(id));
    assert!(!asked.iter().any(|conflict| asks(&conflict)), "nobody asks about it any more, on either side: {asked:?}");
    decided["decision"]["id"].clone()
}

/// An alias that shares nothing becomes whose it is, and nobody else leaves for that.
async fn remapped(office: &Office) -> Value {
    let (alias, misaki) = (office.mapping("gitlab", "mskt_88").await, office.mapping("gitlab", "misaki_sato").await);
    let before = accounts(&office.person(&misaki["person"]["id"]).await);
    assert!(before.len() > 1, "she has an account in the tracker too");
    let body = json!({"identity_id": alias["identity"]["id"], "person_id": misaki["person"]["id"], "expected_version": alias["version"]});
    let decided = office.decide("remap", body.clone()).await;
    assert_eq!(decided["person_id"], misaki["person"]["id"], "{decided}");
    let person = office.person(&misaki["person"]["id"]).await;
    let mut want = before;
    want.push(text(&alias["identity"]["id"]));
    want.sort_unstable();
    assert_eq!(accounts(&person), want, "{person}");
    assert_eq!(person["display_name"], misaki["person"]["display_name"]);
    let past = office.app.http.get_all(&format!("{MAPPINGS}?status=superseded")).await;
    let was = past.iter().find(|row| row["identity"]["id"] == alias["identity"]["id"]).expect("whose it was is on record");
    assert_eq!((&was["person"]["id"], &was["ended_by"]), (&alias["person"]["id"], &json!("token:first")), "{was}");
    assert!(past.iter().all(|row| row["ended_at"].is_string()), "{past:?}");
    office.refused("remap", body, 409, "CONFLICT").await;
    let both = json!({"identity_id": alias["identity"]["id"], "person_id": misaki["person"]["id"], "new_person": {}});
    office.refused("remap", both, 400, "VALIDATION_ERROR").await;
    decided["decision"]["id"].clone()
}

/// One of three accounts is somebody else: those that stay, stay.
async fn split_off(office: &Office) -> Value {
    let account = office.mapping("gitlab", "jweissenborn2").await;
    let person = office.person(&account["person"]["id"]).await;
    let before = accounts(&person);
    assert!(before.len() >= 3, "{person}");
    let body = json!({"person_id": person["id"], "identity_ids": [account["identity"]["id"]], "display_name": "Jette W.",
        "expected_version": person["version"]});
    let decided = office.decide("split", body.clone()).await;
    let new = office.person(&decided["person_id"]).await;
    assert_eq!((&new["display_name"], accounts(&new)), (&json!("Jette W."), vec![text(&account["identity"]["id"])]), "{new}");
    let rest = office.person(&person["id"]).await;
    let want: Vec<String> = before.into_iter().filter(|id| *id != text(&account["identity"]["id"])).collect();
    assert_eq!(accounts(&rest), want, "{rest}");
    assert!(rest["accounts"].as_array().unwrap().iter().all(|row| row["status"] != "conflict"), "{rest}");
    let stale = office.refused("split", body, 409, "CONFLICT").await;
    assert!(text(&stale["detail"]).contains("(split) of token:first"), "it names who changed it: {stale}");
    // what was decided to be apart is not brought together by the way
    let merge = json!({"person_id": person["id"], "other_person_id": new["id"]});
    let contradicts = office.refused("merge", merge, 409, "CONFLICT").await;
    assert!(text(&contradicts["hint"]).contains(&format!("Undo first, in this order: {}", decided["decision"]["id"])), "{contradicts}");
    decided["decision"]["id"].clone()
}

async fn merged(office: &Office) -> Value {
    let (one, other) = (office.mapping("gitlab", "ekovacs").await, office.mapping("gitlab", "seun").await);
    let [into, from] = [&one["person"]["id"], &other["person"]["id"]];
    let (ours, theirs) = (office.person(into).await, office.person(from).await);
    let body = json!({"person_id": into, "other_person_id": from, "expected_version": ours["version"],
        "expected_other_version": theirs["version"]});
    let decided = office.decide("merge", body).await;
    let mut want = [accounts(&ours), accounts(&theirs)].concat();
    want.sort_unstable();
    let person = office.person(into).await;
    assert_eq!(accounts(&person), want, "{person}");
    assert!(person["accounts"].as_array().unwrap().iter().all(|row| row["status"] == "confirmed"), "{person}");
    let gone = office.person(from).await;
    assert_eq!((&gone["merged_into"], accounts(&gone).len()), (into, 0), "{gone}");
    office.refused("merge", json!({"person_id": into, "other_person_id": into}), 400, "VALIDATION_ERROR").await;
    decided["decision"]["id"].clone()
}

async fn never_one(office: &Office) -> Value {
    let (one, other) = (office.mapping("gitlab", "arousseau").await, office.mapping("gitlab", "lan-nguyen").await);
    let decided = office.decide("never", json!({"identity_ids": [one["identity"]["id"], other["identity"]["id"]]})).await;
    let person = office.person(&one["person"]["id"]).await;
    let pairs = person["never_together"].as_array().unwrap();
    assert!(pairs.iter().any(|pair| pair["other_identity_id"] == other["identity"]["id"]), "{person}");
    let remap = json!({"identity_id": one["identity"]["id"], "person_id": other["person"]["id"]});
    office.refused("remap", remap, 409, "CONFLICT").await;
    let same = json!({"identity_ids": [one["identity"]["id"], one["identity"]["id"]]});
    let same = office.refused("never", same, 400, "VALIDATION_ERROR").await;
    assert_eq!(same["errors"][0]["field"], "identity_ids", "{same}");
    decided["decision"]["id"].clone()
}

/// Two operators with one page before them: one decides, the other is told by whom they were overtaken.
async fn at_once(office: &Office) {
    let colleague = office.colleague("colleague").await;
    let account = office.mapping("gitlab", "abbott.r").await;
    let body =
        json!({"identity_id": account["identity"]["id"], "new_person": {"display_name": "R. A."}, "expected_version": account["version"]});
    let path = format!("{MAPPINGS}/remap");
    let (one, other) = tokio::join!(office.app.http.post(&path, body.clone()), colleague.post(&path, body.clone()));
    let (won, lost, winner) = if one.0 == StatusCode::OK { (one, other, "token:first") } else { (other, one, "token:colleague") };
    assert_eq!((won.0, lost.0, &lost.1["code"]), (StatusCode::OK, StatusCode::CONFLICT, &json!("CONFLICT")), "{won:?} {lost:?}");
    let detail = text(&lost.1["detail"]);
    assert!(detail.contains(&format!("(remap) of {winner}")) && text(&lost.1["hint"]).contains("Look again"), "{lost:?}");
    office.quiet().await;
    office.undo(&won.1["decision"]["id"]).await;
}

/// Who decided what stands in the list of decisions, in the history, and in the audit.
async fn on_record(office: &Office, taken: &[Value]) {
    let http = &office.app.http;
    let decisions = http.get_all(&format!("{MAPPINGS}/decisions?holds=true")).await;
    let ids: Vec<&Value> = decisions.iter().rev().map(|decision| &decision["id"]).collect();
    assert_eq!(ids, taken.iter().collect::<Vec<_>>());
    let kinds: Vec<&str> = decisions.iter().rev().map(|decision| decision["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["confirm", "remap", "split", "merge", "never"]);
    for (decision, kind) in taken.iter().zip(kinds) {
        let events = http.get_all(&format!("{MAPPINGS}/events?decision={decision}")).await;
        assert!(!events.is_empty() && events.iter().all(|event| event["actor"] == "token:first"), "{kind}: {events:?}");
        let audit = http.get_all(&format!("/audit-events?subject=identity_decision:{decision}")).await;
        assert_eq!(audit.len(), 1, "{kind}: {audit:?}");
        assert_eq!((&audit[0]["action"], &audit[0]["actor"]), (&json!(format!("identity.{kind}")), &json!("token:first")));
    }
}

/// Another organisation finds nothing of it, and a bad token nothing at all.
async fn strangers(office: &Office, taken: &[Value]) {
    let stranger = office.stranger().await;
    let maria = office.mapping("gitlab", "maria-silva-pt").await;
    let (identity, person) = (text(&maria["identity"]["id"]), text(&maria["person"]["id"]));
    for list in ["", "/conflicts", "/decisions", "/events"] {
        assert!(stranger.get_all(&format!("{MAPPINGS}{list}")).await.is_empty(), "{list}");
    }
    assert_eq!(stranger.get(&format!("{MAPPINGS}/stats")).await["accounts"], 0);
    for path in [format!("{MAPPINGS}/{identity}"), format!("/team/people/{person}")] {
        refused_by(&stranger, Method::GET, &path, None, 404, "NOT_FOUND").await;
    }
    for (verb, body) in [
        ("confirm", json!({"identity_id": identity, "person_id": person})),
        ("remap", json!({"identity_id": identity, "new_person": {}})),
        ("split", json!({"person_id": person, "identity_ids": [identity]})),
        ("merge", json!({"person_id": person, "other_person_id": uuid::Uuid::nil()})),
        ("never", json!({"identity_ids": [identity, uuid::Uuid::nil()]})),
        ("undo", json!({"decision_id": taken[0]})),
    ] {
        refused_by(&stranger, Method::POST, &format!("{MAPPINGS}/{verb}"), Some(body), 404, "NOT_FOUND").await;
    }
    let mut unknown = stranger.clone();
    unknown.token = format!("ovia_{}", "x".repeat(43));
    refused_by(&unknown, Method::GET, MAPPINGS, None, 401, "UNAUTHENTICATED").await;
}

//! Operators decide many at once, in a spreadsheet, and bring teams; figures of whom it touches are computed again and say why they
//! changed.

use ovia_tests::Http;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::people_office::{MAPPINGS, Office, accounts, assert_stands, refused_by, text};

async fn csv(http: &Http, path: &str, file: &str) -> (StatusCode, Value) {
    let request = reqwest::Client::new().post(format!("{}{path}", http.base)).bearer_auth(&http.token).body(file.to_owned());
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn export(office: &Office, query: &str) -> String {
    let http = &office.app.http;
    let request = reqwest::Client::new().get(format!("{}{MAPPINGS}/export.csv{query}", http.base)).bearer_auth(&http.token);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

/// The file with something entered in the three last cells of the line of an account.
fn entered(file: &str, identity: &str, cells: [&str; 3]) -> String {
    let line = |line: &str| match line.strip_prefix(identity).and_then(|_| line.strip_suffix(",,,")) {
        Some(rest) => format!("{rest},{}", cells.join(",")),
        None => line.to_owned(),
    };
    let changed = file.lines().map(line).collect::<Vec<_>>().join("\r\n");
    assert_ne!(changed.lines().collect::<Vec<_>>(), file.lines().collect::<Vec<_>>(), "{identity} has no line with room for a decision");
    changed
}

#[tokio::test]
async fn a_spreadsheet_goes_out_and_comes_back_with_decisions() {
    let office = Office::open().await;
    let first = office.standing().await;
    let many = bulk(&office).await;

    // whoever owns the account chose its name
    let formula = "=HYPERLINK(\"https://elsewhere.example\";\"me\")";
    let depsy = office.mapping("gitlab", "depsy.brightloom").await;
    let (id, name) = (text(&depsy["identity"]["id"]), text(&depsy["identity"]["display_name"]));
    office.app.database.sql(&format!("update identities set display_name = '{formula}' where id = '{id}'")).await;
    let file = export(&office, "").await;
    assert!(file.starts_with("\u{feff}identity_id,version,"), "{file}");
    assert!(file.contains(",\"'=HYPERLINK(") && !file.contains("\"=HYPERLINK") && !file.contains(",=HYPERLINK"), "{file}");
    let queue = export(&office, "?status=conflict").await;
    let conflicts = office.app.http.get_all(&format!("{MAPPINGS}/conflicts")).await;
    assert_eq!(queue.lines().count(), conflicts.len() + 1, "{queue}");

    let import = format!("{MAPPINGS}/import");
    let nothing = csv(&office.app.http, &import, &file).await;
    assert_eq!(
        (nothing.0, &nothing.1["decisions"], &nothing.1["errors"]),
        (StatusCode::OK, &json!(0), &json!([])),
        "as it went out: {nothing:?}"
    );
    let (alias, misaki) = (office.mapping("gitlab", "mskt_88").await, office.mapping("gitlab", "misaki_sato").await);
    let [maria, amelie] = [office.mapping("gitlab", "maria-silva-pt").await, office.mapping("gitlab", "amelie-r").await];
    let changed = entered(&file, &text(&maria["identity"]["id"]), ["never", "", "two of one name"]);
    let changed = entered(&changed, &text(&alias["identity"]["id"]), ["Remap", &text(&misaki["person"]["id"]), "her alias"]);
    let changed = entered(&changed, &text(&amelie["identity"]["id"]), ["new", "'=Not a formula", "a machine's"]);
    let before = office.standing().await;
    let (status, dry) = csv(&office.app.http, &import, &changed).await;
    assert_eq!(
        (status, &dry["dry_run"], &dry["decisions"], &dry["errors"]),
        (StatusCode::OK, &json!(true), &json!(3), &json!([])),
        "{dry}"
    );
    assert!(
        dry["items"].as_array().unwrap().iter().all(|item| item["decision_id"].is_null() && !text(&item["summary"]).is_empty()),
        "{dry}"
    );
    assert_stands(&office.standing().await, &before, "a dry run does nothing");

    // a file with a wrong line is refused as a whole
    let wrong = entered(&changed, &text(&misaki["identity"]["id"]), ["maybe", "", ""]);
    let (status, problem) = csv(&office.app.http, &format!("{import}?dry_run=false"), &wrong).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("VALIDATION_ERROR")), "{problem}");
    assert!(text(&problem["errors"][0]["field"]).ends_with(": decision"), "{problem}");
    for broken in ["", "identity_id,decision\n\"x,confirm\n", "identity_id,decison\n", "\u{feff}"] {
        let (status, problem) = csv(&office.app.http, &import, broken).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("VALIDATION_ERROR")), "{broken:?}: {problem}");
    }
    assert_stands(&office.standing().await, &before, "nothing was done");

    let (status, done) = csv(&office.app.http, &format!("{import}?dry_run=false"), &changed).await;
    assert_eq!((status, &done["decisions"], &done["errors"]), (StatusCode::OK, &json!(3), &json!([])), "{done}");
    office.quiet().await;
    assert!(accounts(&office.person(&misaki["person"]["id"]).await).contains(&text(&alias["identity"]["id"])));
    let machine = office.mapping("gitlab", "amelie-r").await;
    assert_eq!((&machine["person"]["display_name"], &machine["reason"]), (&json!("=Not a formula"), &json!("a machine's")), "{machine}");
    // the same file again is about accounts that have changed since
    let (_, again) = csv(&office.app.http, &import, &changed).await;
    assert_eq!((&again["decisions"], again["errors"].as_array().unwrap().len()), (&json!(0), 3), "{again}");
    assert!(text(&again["errors"][0]["message"]).contains("has changed since the export"), "{again}");

    let taken = done["items"].as_array().unwrap().iter().map(|item| &item["decision_id"]);
    office.undo_all(&std::iter::once(&many).chain(taken).collect::<Vec<_>>()).await;
    office.app.database.sql(&format!("update identities set display_name = '{name}' where id = '{id}'")).await;
    let (_, run) = office.app.http.post("/runs", json!({"kind": "matching"})).await;
    office.app.run_end(run["id"].as_str().unwrap(), 60).await;
    office.quiet().await;
    assert_stands(&office.standing().await, &first, "all taken back");
}

/// First what it would do, then exactly that; the decision.
async fn bulk(office: &Office) -> Value {
    let before = office.standing().await;
    let wanted = json!({"min_confidence": 0.99, "source": "gitlab", "reason": "looked at"});
    let with = |more: Value| {
        let mut body = wanted.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    office.refused("bulk-confirm", json!({"min_confidence": 2}), 400, "VALIDATION_ERROR").await;
    let (status, plan) = office.app.http.post(&format!("{MAPPINGS}/bulk-confirm"), wanted.clone()).await;
    assert_eq!((status, &plan["dry_run"], &plan["decided"]), (StatusCode::OK, &json!(true), &Value::Null), "{plan}");
    let sample = plan["sample"].as_array().unwrap();
    assert!(plan["count"].as_u64() >= Some(2) && sample.len() as u64 == plan["count"].as_u64().unwrap(), "{plan}");
    assert!(sample.iter().all(|row| row["source"] == "gitlab" && row["confidence"].as_f64() >= Some(0.99)), "{plan}");
    assert_stands(&office.standing().await, &before, "a dry run does nothing");
    office.refused("bulk-confirm", with(json!({"dry_run": false})), 400, "VALIDATION_ERROR").await;
    office.refused("bulk-confirm", with(json!({"dry_run": false, "token": "another"})), 409, "CONFLICT").await;
    let done = office.decide("bulk-confirm", with(json!({"dry_run": false, "token": plan["token"]}))).await;
    assert_eq!((&done["count"], &done["people"]), (&plan["count"], &plan["people"]), "{done}");
    let after = office.standing().await;
    for row in sample {
        let now = &after[&text(&row["identity_id"])];
        assert_eq!(
            (&now["status"], &now["person"], &now["reason"]),
            (&json!("confirmed"), &row["person_id"], &json!("looked at")),
            "{row}"
        );
    }
    // the plan is spent
    office.refused("bulk-confirm", with(json!({"dry_run": false, "token": plan["token"]})), 409, "CONFLICT").await;
    done["decided"]["decision"]["id"].clone()
}

#[tokio::test]
async fn teams_come_from_a_file_and_figures_follow_decisions() {
    let office = Office::open().await;
    let http = &office.app.http;
    // mskt_88 has work of its own in the code host, and is misaki_sato's alias
    let (alias, misaki) = (office.mapping("gitlab", "mskt_88").await, office.mapping("gitlab", "misaki_sato").await);
    let [from, to] = [&alias["person"]["id"], &misaki["person"]["id"]].map(text);
    // the alias' own person is in no team: teams change by decisions alone
    let other = text(&office.mapping("gitlab", "seun").await["person"]["id"]);
    teams(&office, &other, &to).await;

    let body = json!({"settings": {"min_team_size": 1}, "person_level": true});
    refused_by(http, Method::PUT, "/team/kpi/settings", Some(body.clone()), 403, "FORBIDDEN").await;
    let may_see_people = async |may| office.app.store.token_people_set(office.app.org, "first", may).await.unwrap();
    may_see_people(true).await;
    let (status, set) = http.send(Method::PUT, "/team/kpi/settings", Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    may_see_people(false).await;
    office.quiet().await;
    let path = format!("/team/kpi/history?metric=merge_throughput&window=month&person={to}");
    let refused = refused_by(http, Method::GET, &path, None, 403, "FORBIDDEN").await;
    assert!(text(&refused["hint"]).contains("people-access"), "{refused}");
    may_see_people(true).await;
    let lesser = office.colleague("lesser").await;
    refused_by(&lesser, Method::GET, &path, None, 403, "FORBIDDEN").await;
    refused_by(&lesser, Method::GET, "/team/kpi/changes?scope=person", None, 403, "FORBIDDEN").await;

    rollup(&office).await;
    let [before_from, before_to] = [merged(&office, &from).await, merged(&office, &to).await];
    assert!(before_from > 0.0 && before_to > 0.0, "both have merged something: {before_from} {before_to}");
    let body = json!({"identity_id": alias["identity"]["id"], "person_id": to, "reason": "her alias"});
    let decided = office.decide("remap", body).await;
    rollup(&office).await;
    assert_eq!((merged(&office, &from).await, merged(&office, &to).await), (0.0, before_from + before_to));
    let decision = &decided["decision"]["id"];
    for scope in ["person", "team"] {
        let changes = http.get_all(&format!("/team/kpi/changes?decision={decision}&scope={scope}")).await;
        assert!(!changes.is_empty(), "{scope}");
        for change in &changes {
            assert_eq!((&change["cause"], &change["decision_id"]), (&json!("decision"), decision), "{change}");
            assert_ne!(change["before"], change["after"], "{change}");
        }
        assert!(changes.iter().any(|change| change["metric"] == "merge_throughput"), "{scope}: {changes:?}");
    }
    let seen = lesser.get_all(&format!("/team/kpi/changes?decision={decision}")).await;
    assert!(seen.iter().all(|change| change["scope"] != "person"), "{seen:?}");

    let undone = office.undo(decision).await;
    rollup(&office).await;
    assert_eq!((merged(&office, &from).await, merged(&office, &to).await), (before_from, before_to), "as it was");
    let back = http.get_all(&format!("/team/kpi/changes?decision={}&scope=person", undone["decision"]["id"])).await;
    assert!(back.iter().any(|change| change["scope_id"] == to.as_str()), "{back:?}");
}

/// What somebody merged in the company's year.
async fn merged(office: &Office, person: &str) -> f64 {
    let path = format!("/team/kpi/history?metric=merge_throughput&window=month&person={person}");
    let (status, page) = office.app.http.send(Method::GET, &format!("{path}&limit=200"), None).await;
    match status {
        // who has no account left is retired
        StatusCode::NOT_FOUND => 0.0,
        _ => page["items"].as_array().unwrap().iter().filter_map(|item| item["value"].as_f64()).sum(),
    }
}

/// Figures as of the company's present.
async fn rollup(office: &Office) {
    let (status, run) = office.app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": crate::demo::as_of()})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    assert_eq!(office.app.run_end(run["id"].as_str().unwrap(), 60).await["status"], "succeeded");
}

/// Two teams with one person each, one of whom was in the other before; and somebody without accounts.
async fn teams(office: &Office, other: &str, to: &str) {
    let http = &office.app.http;
    let file = format!(
        "person_id,email,name,team,role,from,until\n\
         {other},,,Harbour,,2025-01-01,\n\
         {to},,,Harbour,,2024-01-01,2025-02-01\n\
         {to},,,Meadow,lead,2025-02-01,\n\
         ,ida.storm@brightloom.example,Ida Storm,Meadow,,2025-06-01,2025-09-01\n"
    );
    let (status, dry) = csv(http, "/team/import", &file).await;
    assert_eq!(status, StatusCode::OK, "{dry}");
    assert_eq!(
        (&dry["dry_run"], &dry["people_created"], &dry["teams_created"], &dry["memberships_created"]),
        (&json!(true), &json!(1), &json!(2), &json!(4)),
        "{dry}"
    );
    assert!(http.get_all("/team/teams").await.is_empty(), "a dry run does nothing");
    let wrong = file.replace("2025-09-01", "2025-01-01");
    let (status, problem) = csv(http, "/team/import?dry_run=false", &wrong).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("line 5: until")), "{problem}");
    let (status, done) = csv(http, "/team/import?dry_run=false", &file).await;
    assert_eq!((status, &done["memberships_created"], &done["errors"]), (StatusCode::OK, &json!(4), &json!([])), "{done}");
    let (_, again) = csv(http, "/team/import?dry_run=false", &file).await;
    assert_eq!(
        (&again["unchanged"], &again["memberships_created"], &again["people_created"]),
        (&json!(4), &json!(0), &json!(0)),
        "{again}"
    );

    let members = async |on: &str| {
        let teams = http.get_all(&format!("/team/teams?on={on}")).await;
        teams.iter().map(|team| (text(&team["name"]), team["members"].as_i64().unwrap())).collect::<Vec<_>>()
    };
    let of = |harbour: i64, meadow: i64| vec![("Harbour".to_owned(), harbour), ("Meadow".to_owned(), meadow)];
    assert_eq!(members("2025-01-31").await, of(2, 0), "last January's team is not today's");
    assert_eq!(members("2025-02-01").await, of(1, 1));
    assert_eq!(members("2025-06-01").await, of(1, 2));
    assert_eq!(members("2025-09-01").await, of(1, 1), "the last day is not in it");
    let audit = http.get_all("/audit-events?action=team.member_import").await;
    assert_eq!(audit.len(), 4, "{audit:?}");
}

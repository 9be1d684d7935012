//! The spreadsheet round trip: mappings out, decisions in.

use serde_json::json;

use crate::{
    common::{Answer, Method, TestApi},
    people::{decide, decided, seed},
};

async fn export(api: &TestApi, query: &str) -> Answer {
    let answer = api.get(&format!("/team/identity-mappings/export.csv{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

pub async fn send(api: &TestApi, path: &str, csv: &str) -> Answer {
    Answer::of(api.request(Method::POST, path).content_type("text/csv").body(csv.to_owned())).await
}

/// The file with `cells` entered in the line of `account`. Spreadsheets quote what needs it: so does this.
fn entered(csv: &str, account: &str, cells: &[(&str, &str)]) -> String {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
    let header: Vec<&str> = records[0].iter().map(|title| title.trim_start_matches('\u{feff}')).collect();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for record in &records {
        let is_it = &record[0] == account;
        let value = |index: usize, cell: &str| match cells.iter().find(|(column, _)| is_it && *column == header[index]) {
            Some((_, value)) => (*value).to_owned(),
            None => cell.to_owned(),
        };
        writer.write_record(record.iter().enumerate().map(|(index, cell)| value(index, cell))).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[tokio::test]
async fn an_export_holds_no_formula_and_comes_back() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let answer = export(&api, "").await;
    assert!(answer.content_type.starts_with("text/csv"), "{}", answer.content_type);
    assert!(answer.text.starts_with("\u{feff}identity_id,version,"), "{}", answer.text);
    assert_eq!(answer.text.matches("\r\n").count(), 6);
    assert!(answer.text.contains(r#""'=HYPERLINK(""http://x.example"",""Eve, the """"first"""""")""#), "{}", answer.text);
    assert!(answer.text.contains(",'@eve,") && answer.text.contains(",'+eve@acme.example,"), "{}", answer.text);
    assert_eq!(export(&api, "?status=conflict").await.text.lines().count(), 2);

    let unchanged = send(&api, "/team/identity-mappings/import?dry_run=false", &answer.text).await.json();
    assert_eq!((&unchanged["decisions"], &unchanged["unchanged"], &unchanged["errors"]), (&json!(0), &json!(5), &json!([])));

    let file = entered(&answer.text, &c.bo_jira, &[("decision", "same"), ("reason", "'=asked him")]);
    let file = entered(&file, &c.ada_jira, &[("decision", "New"), ("decision_person", "Ada Two")]);
    let plan = send(&api, "/team/identity-mappings/import", &file).await.json();
    assert_eq!((&plan["dry_run"], &plan["decisions"], &plan["errors"]), (&json!(true), &json!(2), &json!([])), "{plan}");
    let summaries: Vec<&str> = plan["items"].as_array().unwrap().iter().map(|item| item["summary"].as_str().unwrap()).collect();
    assert!(summaries.contains(&"jira bdiaz is Bo Diaz"), "{summaries:?}");
    assert!(api.get("/team/identity-mappings/decisions").await.items().is_empty(), "nothing was done");

    let done = send(&api, "/team/identity-mappings/import?dry_run=false", &file).await.json();
    assert_eq!((&done["decisions"], &done["errors"]), (&json!(2), &json!([])), "{done}");
    assert!(done["run_id"].is_string());
    let decisions = api.get("/team/identity-mappings/decisions").await.items();
    assert!(decisions.iter().any(|decision| decision["kind"] == "confirm" && decision["reason"] == "=asked him"), "{decisions:?}");
    let mapping = api.get(&format!("/team/identity-mappings/{}", c.ada_jira)).await.json();
    assert_eq!(mapping["person"]["display_name"], "Ada Two");

    // the same file again is out of date by now: nothing of it is done, and every line says so
    let stale = send(&api, "/team/identity-mappings/import?dry_run=false", &file).await.problem(400, "VALIDATION_ERROR");
    assert_eq!(stale["errors"].as_array().unwrap().len(), 2, "{stale}");
    assert_eq!(api.get("/team/identity-mappings/decisions").await.items().len(), 2);
}

/// A decision of one line changes the account of another: that is no conflict with somebody else.
#[tokio::test]
async fn lines_about_one_account_follow_each_other() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let head = "identity_id,version,candidate_identity_id,decision\n";
    let file = format!("{head}{},1,{},never\n{},1,,confirm\n", c.bo_jira, c.bo_gitlab, c.bo_jira);
    let done = send(&api, "/team/identity-mappings/import?dry_run=false", &file).await.json();
    assert_eq!((&done["decisions"], &done["errors"]), (&json!(2), &json!([])), "{done}");
}

/// Somebody deletes the version, or changes the person: `confirm` is no yes to whatever is there by then.
#[tokio::test]
async fn a_confirm_says_who_the_account_is() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let head = "identity_id,version,person_id,decision\n";
    let file = format!("{head}{},,,confirm\n{},,{},confirm\n{},1,{},confirm\n", c.ada_jira, c.ada_jira, c.bo, c.ada_jira, c.bo);
    let told = send(&api, "/team/identity-mappings/import", &file).await.json();
    let columns: Vec<&str> = told["errors"].as_array().unwrap().iter().map(|error| error["column"].as_str().unwrap()).collect();
    assert_eq!(columns, ["decision", "person_id", "person_id"], "{told}");
    let file = format!("{head}{},,{},confirm\n", c.ada_jira, c.ada);
    let done = send(&api, "/team/identity-mappings/import?dry_run=false", &file).await.json();
    assert_eq!((&done["decisions"], &done["errors"]), (&json!(1), &json!([])), "{done}");
}

/// The database fails in the middle: what was done before is told, and that the rest was not.
#[tokio::test]
async fn what_was_done_before_a_failure_is_told() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    api.db
        .sql(&format!(
            "create function break_down() returns trigger language plpgsql as $$ begin
                if new.identities && array['{}'::uuid] then raise 'no room on the disk' using errcode = 'disk_full'; end if;
                return new;
            end $$;
            create trigger break_down before insert on identity_decisions for each row execute function break_down()",
            c.bo_jira
        ))
        .await;
    let head = "identity_id,version,candidate_identity_id,decision\n";
    let [one, broken, last] =
        [format!("{},1,,confirm\n", c.ada_jira), format!("{},1,{},never\n", c.bo_jira, c.bo_gitlab), format!("{},1,,confirm\n", c.eve)];
    let done = send(&api, "/team/identity-mappings/import?dry_run=false", &format!("{head}{one}{broken}{last}")).await.json();
    assert_eq!((&done["decisions"], &done["items"][0]["line"], &done["errors"][0]["line"]), (&json!(1), &json!(2), &json!(3)), "{done}");
    assert_eq!(done["errors"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(api.get("/team/identity-mappings/decisions").await.items().len(), 1);
    // where nothing was done the answer is the failure
    send(&api, "/team/identity-mappings/import?dry_run=false", &format!("{head}{broken}{last}")).await.problem(500, "SERVER_ERROR");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_by_line() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let import = async |csv: &str, dry_run: bool| send(&api, &format!("/team/identity-mappings/import?dry_run={dry_run}"), csv).await;
    let file = format!(
        "identity_id;version;decision;decision_person;candidate_person_id\r\n\r\n{};1;maybe;;\r\nx;;confirm;;\r\n{};7;confirm;;\r\n{};1;remap;;\r\n{};1;same;;\r\n{};1;confirm;;\r\n",
        c.ada_jira,
        c.ada_gitlab,
        c.bo_gitlab,
        c.bo_jira,
        uuid::Uuid::now_v7()
    );
    let told = import(&file, true).await.json();
    let errors: Vec<(i64, &str)> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["line"].as_i64().unwrap(), error["column"].as_str().unwrap()))
        .collect();
    let expected =
        [(3, "decision"), (4, "identity_id"), (5, "version"), (6, "decision_person"), (7, "candidate_person_id"), (8, "identity_id")];
    assert_eq!(errors, expected, "{told}");
    let refused = import(&file, false).await.problem(400, "VALIDATION_ERROR");
    assert_eq!(refused["errors"][0]["field"], "line 3: decision");
    assert!(api.get("/team/identity-mappings/decisions").await.items().is_empty());

    import("identity_id,descision\n", true).await.problem(400, "VALIDATION_ERROR");
    import("", true).await.problem(400, "VALIDATION_ERROR");
    import("identity_id,decision\n\u{0}", true).await.problem(400, "VALIDATION_ERROR");
    let many = "identity_id,decision\n".to_owned() + &format!("{},confirm\n", c.ada_jira).repeat(1_001);
    import(&many, true).await.problem(400, "VALIDATION_ERROR");
    let large = "x".repeat(33 * 1024 * 1024);
    import(&large, true).await.problem(413, "VALIDATION_ERROR");
}

#[tokio::test]
async fn files_of_another_organisation_find_nobody() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let file = format!("identity_id,decision\n{},confirm\n", c.ada_jira);
    let request = api.client.request(Method::POST, "/team/identity-mappings/import?dry_run=false");
    let answer = Answer::of(request.header("authorization", format!("Bearer {}", api.other_token)).body(file)).await;
    answer.problem(400, "VALIDATION_ERROR");
    decided(&decide(&api, "confirm", json!({"identity_id": c.bo_jira, "person_id": c.bo})).await);
    assert_eq!(api.get("/team/identity-mappings/decisions").await.items().len(), 1);
}

use secrecy::ExposeSecret;

use super::*;

fn load(folder: &Path, variables: &[(&str, &str)], flags: Flags) -> Result<(Settings, Origins), SettingsError> {
    Settings::load(flags, ProcessEnvironment::of(variables.iter().copied(), folder))
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("tickler.toml"), text).expect("the settings are written");
    folder
}

fn row<'a>(origins: &'a Origins, key: &str) -> (&'a str, &'a str) {
    let row = origins.rows.iter().find(|row| row.key == key).expect("the key has a row");
    (row.value.as_deref().unwrap_or("-"), &row.origin)
}

#[test]
fn a_later_layer_wins_and_every_value_knows_its_layer() {
    let folder = folder_with(
        "schedules = \"a\"\nledger = \"state/t.db\"\n[web]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n",
    );
    let variables = [("TICKLER_SCHEDULES", "/b"), ("TICKLER_WEB__LISTEN", "127.0.0.1:2")];
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let (settings, origins) = load(folder.path(), &variables, flags).expect("the settings load");
    let file = folder.path().join("tickler.toml").display().to_string();
    assert_eq!(settings.schedules, Path::new("/b"));
    assert_eq!(settings.ledger, folder.path().join("state/t.db"));
    assert_eq!(settings.socket, folder.path().join("state/tickler.sock"));
    assert_eq!(settings.listen.map(|address| address.port()), Some(3));
    assert_eq!(row(&origins, "schedules"), ("/b", "TICKLER_SCHEDULES"));
    assert_eq!(row(&origins, "web.listen"), ("127.0.0.1:3", "--listen"));
    assert_eq!(row(&origins, "log.level"), ("warn", file.as_str()));
    assert_eq!(row(&origins, "retention.audit"), ("6y", "default"));
}

#[test]
fn a_ledger_that_nothing_names_lies_beside_the_settings_file_else_beside_the_schedules() {
    let (with_file, without) = (folder_with(""), tempfile::tempdir().expect("a folder"));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let schedules = || Some(elsewhere.path().join("schedules"));
    let config = Some(with_file.path().join("tickler.toml"));
    for (told, folder, flags, expected) in [
        ("the file of the working directory", with_file.path(), Flags::default(), with_file.path()),
        ("a named file", without.path(), Flags { config: config.clone(), ..Flags::default() }, with_file.path()),
        (
            "a file and schedules",
            without.path(),
            Flags { config, schedules: schedules(), ..Flags::default() },
            with_file.path(),
        ),
        ("schedules alone", without.path(), Flags { schedules: schedules(), ..Flags::default() }, elsewhere.path()),
        ("nothing", without.path(), Flags::default(), without.path()),
    ] {
        let (settings, origins) = load(folder, &[], flags).expect("the settings load");
        let expected = expected.join("tickler.db");
        assert_eq!(settings.ledger, expected, "{told}");
        assert_eq!(row(&origins, "ledger"), (expected.to_str().expect("UTF-8"), "default"), "{told}");
        assert_eq!(settings.socket, expected.with_file_name("tickler.sock"), "{told}");
    }
    let (settings, _) =
        load(without.path(), &[("TICKLER_LEDGER", "t.db")], Flags { schedules: schedules(), ..Flags::default() })
            .expect("the settings load");
    assert_eq!(settings.ledger, without.path().join("t.db"), "a named one counts from the working directory");
}

#[test]
fn without_a_file_the_defaults_hold_and_thoughtly_exists() {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, _) = load(folder.path(), &[("RUNTIME_DIRECTORY", "/run/tickler:/run/x")], Flags::default())
        .expect("the settings load");
    assert_eq!(settings.socket, Path::new("/run/tickler/tickler.sock"));
    let thoughtly = &settings.accounts["thoughtly"];
    assert_eq!(thoughtly.base_url.as_str(), "https://api.thoughtly.com/");
    assert_eq!(thoughtly.rate, Rate::Every { interval_us: 631_579 });
    assert_eq!((&thoughtly.api_token, &thoughtly.team_id), (&None, &None));
    assert_eq!(settings.keep_payloads, jiff::SignedDuration::from_hours(30 * 24));
    assert_eq!(settings.keep_audit, jiff::SignedDuration::from_hours(6 * 366 * 24));
}

#[test]
fn thoughtly_takes_what_it_lacks_from_the_environment() {
    let folder = folder_with("[accounts.thoughtly]\napi_token = { file = \"token\" }\nrate = \"unlimited\"\n");
    let variables = [("THOUGHTLY_API_TOKEN", "unused"), ("THOUGHTLY_TEAM_ID", "01234")];
    let (settings, _) = load(folder.path(), &variables, Flags::default()).expect("the settings load");
    let thoughtly = &settings.accounts["thoughtly"];
    assert_eq!(thoughtly.api_token, Some(SecretRef::File(folder.path().join("token"))));
    let team = settings.secrets.text(thoughtly.team_id.as_ref().expect("a team")).expect("it is set");
    assert_eq!(team.expose_secret(), "01234");
}

#[test]
fn a_secret_in_a_variable_is_the_value_itself_and_replaces_the_files_table() {
    let folder = folder_with("[web]\ntoken = { file = \"x\" }\n[accounts.clinic]\nteam_id = \"t1\"\n");
    let variables = [("TICKLER_WEB__TOKEN", "+4912345"), ("TICKLER_ACCOUNTS__CLINIC__API_TOKEN", "0017")];
    let (settings, origins) = load(folder.path(), &variables, Flags::default()).expect("the settings load");
    let token = settings.secrets.resolve(settings.web_token.as_ref().expect("a token")).expect("it is set");
    assert_eq!(token.expose_secret(), "+4912345");
    let api_token = settings.accounts["clinic"].api_token.as_ref().expect("a token");
    assert_eq!(settings.secrets.resolve(api_token).expect("it is set").expose_secret(), "0017");
    assert_eq!(row(&origins, "web.token"), ("***", "TICKLER_WEB__TOKEN"));
    assert_eq!(row(&origins, "accounts.clinic.team_id").0, "***");
    assert!(!format!("{settings:?}{origins:?}").contains("4912345"));
}

#[test]
fn every_unknown_key_and_bad_value_is_told_at_once_with_what_was_meant() {
    let folder = folder_with(
        "schedule = \"a\"\n[web]\nlisten = \"nowhere\"\ntokn = \"hunter2\"\n[accounts.a]\nrat = \"1/s\"\n[notifi]\nx = 1\n\
         [retention]\naudit = \"soon\"\n",
    );
    let SettingsError(problems) =
        load(folder.path(), &[("TICKLER_LEDGR", "x")], Flags::default()).expect_err("they are refused");
    let all = problems.join("\n");
    for told in [
        "`schedule`: did you mean `schedules`?",
        "`web.tokn`: did you mean `web.token`?",
        "`accounts.a.rat`: did you mean `accounts.a.rate`?",
        "`notifi`: did you mean `notify`?",
        "TICKLER_LEDGR: there is no setting `ledgr`: did you mean `ledger`?",
        "`web.listen`: `nowhere` is not a valid address",
        "`retention.audit`",
    ] {
        assert!(all.contains(told), "{told} is missing in:\n{all}");
    }
    assert_eq!(problems.len(), 7, "{all}");
    assert!(!all.contains("hunter2"));
}

#[test]
fn a_secret_written_out_in_the_file_is_refused_without_being_shown() {
    for text in [
        "[web]\ntoken = \"hunter2\"\n",
        "[web]\ntoken = \"hunter2\n",
        "[web]\ntoken = { env = \"hunter2\", file = \"f\" }\n",
    ] {
        let folder = folder_with(text);
        let error = load(folder.path(), &[], Flags::default()).expect_err("it is refused");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn the_env_file_beside_the_settings_counts_and_the_process_wins() {
    let folder = folder_with("ledger = \"t.db\"\n");
    std::fs::write(folder.path().join(".env"), "export A='one'\nB=two\nTICKLER_LOG__LEVEL=debug\n").expect("written");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let config = Some(folder.path().join("tickler.toml"));
    let (settings, _) =
        load(elsewhere.path(), &[("B", "mine")], Flags { config, ..Flags::default() }).expect("the settings load");
    let value =
        |name: &str| settings.secrets.resolve(&SecretRef::Env(name.into())).map(|it| it.expose_secret().to_owned());
    assert_eq!(value("A").as_deref(), Ok("one"));
    assert_eq!(value("B").as_deref(), Ok("mine"));
    assert_eq!(settings.log_level, "debug");
    let missing = value("C").expect_err("it isn't set");
    assert!(missing.0.contains("`C` isn't set"), "{missing}");
}

#[test]
fn a_settings_file_that_is_named_must_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(load(folder.path(), &[("TICKLER_CONFIG", "none.toml")], Flags::default()).is_err());
}

#[test]
fn secrets_are_read_from_credentials_and_files_without_their_line_end() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("token"), "s3cret\r\n").expect("written");
    let variables = [("CREDENTIALS_DIRECTORY", folder.path().display().to_string())];
    let secrets = Secrets::of(&ProcessEnvironment::of(variables, folder.path()));
    for place in [SecretRef::Credential("token".into()), SecretRef::File(folder.path().join("token"))] {
        assert_eq!(secrets.resolve(&place).expect("it is there").expose_secret(), "s3cret");
    }
    for place in [SecretRef::Credential("../token".into()), SecretRef::Credential("none".into())] {
        assert!(secrets.resolve(&place).is_err());
    }
    let without = Secrets::from_values([("A", "b")]);
    assert!(
        without.resolve(&SecretRef::Credential("token".into())).expect_err("no folder").0.contains("LoadCredential")
    );
}

#[test]
fn a_trial_has_a_ledger_and_a_socket_of_its_own_next_to_the_real_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    for (ledger, trial) in [("tickler.db", "tickler.trial.db"), ("state/clinic.sqlite", "state/clinic.trial.db")] {
        let variables = [("TICKLER_LEDGER", ledger)];
        let settings = load(folder.path(), &variables, Flags::default()).expect("settings").0.into_trial();
        assert_eq!(settings.ledger, folder.path().join(trial));
        let socket = settings.ledger.with_file_name("tickler.trial.sock");
        assert_eq!((settings.socket.clone(), settings.clone().into_trial().ledger), (socket, settings.ledger));
    }
}

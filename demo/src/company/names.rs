//! Invented people. Full name, username, whether a public e-mail is shown; in an order that puts the special cases first, so that
//! small companies have them too.

pub(crate) struct Name {
    pub name: &'static str,
    pub username: &'static str,
    /// The local part of the public e-mail; empty when the profile shows none.
    pub email: &'static str,
    /// Minutes from UTC.
    pub offset: i32,
}

const fn n(name: &'static str, username: &'static str, email: &'static str, offset: i32) -> Name {
    Name { name, username, email, offset }
}

/// Two different humans with one full name; their e-mails differ.
pub(crate) const NAMESAKES: [usize; 2] = [3, 4];
/// Humans with a second account: index, the second account's username, what both share (`email`, `name`, `nothing`).
pub(crate) const SECOND_ACCOUNTS: [(usize, &str, &str); 3] =
    [(0, "amelie-r", "email"), (1, "jweissenborn2", "name"), (2, "mskt_88", "nothing")];
/// The name shown by the account that shares nothing with the first one.
pub(crate) const ALIAS: &str = "Sato M.";

pub(crate) static NAMES: &[Name] = &[
    n("Amélie Rousseau", "arousseau", "amelie.rousseau", 60),
    n("Jürgen Weißenborn", "juergen.weissenborn", "juergen.weissenborn", 60),
    n("佐藤 美咲", "misaki_sato", "misaki.sato", 540),
    n("Maria Silva", "msilva", "maria.silva", 0),
    n("Maria Silva", "maria-silva-pt", "m.silva.porto", 0),
    n("Rosalind Abbott", "abbott.r", "rosalind.abbott", 0),
    n("王小明", "wang.xiaoming", "", 480),
    n("Nguyễn Thị Lan", "lan-nguyen", "lan.nguyen", 420),
    n("김민준", "minjun.kim", "", 540),
    n("Kovács Eszter", "ekovacs", "eszter.kovacs", 60),
    n("Oluwaseun Adeyemi", "seun", "", 60),
    n("Søren Åkerlund", "sakerlund", "soren.akerlund", 120),
    n("Priya Raghunathan", "priya_r", "priya.raghunathan", 330),
    n("Zoë van der Berg", "zvdberg", "", 60),
    n("Łukasz Wiśniewski", "lwisniewski", "lukasz.wisniewski", 60),
    n("İpek Yıldız", "ipek.yildiz", "", 180),
    n("陈雨欣", "chenyx", "yuxin.chen", 480),
    n("Siobhán Ní Bhriain", "siobhan", "", 0),
    n("Tomasz O'Malley", "tomalley", "tomasz.omalley", 0),
    n("Дарья Кузнецова", "d.kuznetsova", "", 180),
    n("Ahmed El-Masri", "ahmed_elmasri", "ahmed.elmasri", 120),
    n("Γιώργος Παππάς", "gpappas", "", 120),
    n("Björk Jónsdóttir", "bjork-j", "bjork.jonsdottir", 0),
    n("Mateus Gonçalves", "MateusG", "", -180),
    n("Yael Ben-Dror", "ybendror", "yael.bendror", 120),
    n("高橋 健太", "k.takahashi", "", 540),
    n("Thandiwe Mokoena", "thandi", "thandiwe.mokoena", 120),
    n("Benedict Achterberg", "bachterberg", "", 60),
    n("María José Fernández", "mjfernandez", "mj.fernandez", 60),
    n("Jean-Baptiste Lefèvre", "jb.lefevre", "", 60),
    n("Farrukh Tursunov", "farrukh_t", "farrukh.tursunov", 300),
    n("Ingrid Haugland", "ingridh", "", 60),
    n("Cheng Wei Lun", "weilun.cheng", "weilun.cheng", 480),
    n("Ksenija Petrović", "kpetrovic", "", 60),
    n("Dmitri Vasiliev", "dvasiliev", "dmitri.vasiliev", 180),
    n("Aiyana Whitecloud", "aiyana", "", -420),
    n("Rajesh Subramaniam Iyer", "rs-iyer", "rajesh.iyer", 330),
    n("Chloé D'Amboise", "chloe_da", "", 60),
    n("Tuomas Häkkinen", "thakkine", "tuomas.hakkinen", 120),
    n("이서연", "seoyeon_lee", "", 540),
    n("Kwabena Osei", "kosei99", "kwabena.osei", 0),
    n("Leilani Kahale", "leilani", "", -600),
    n("Szabó Bence", "bszabo", "bence.szabo", 60),
    n("Nadia Haddad", "nhaddad", "", 120),
    n("Viktor Lindqvist", "vlindq", "viktor.lindqvist", 60),
    n("Trần Quốc Bảo", "bao.tran", "", 420),
    n("Eleni Stavrou", "estavrou", "eleni.stavrou", 120),
    n("Gareth Llewellyn", "gllew", "", 0),
    n("Mei-Ling Hsu", "mlhsu", "meiling.hsu", 480),
    n("Paweł Zieliński", "pawel-z", "", 60),
    n("Fatoumata Diallo", "fdiallo", "fatoumata.diallo", 0),
    n("Hiroshi Nakamura", "h_nakamura", "", 540),
    n("Ruairí Mac Giolla", "ruairi", "ruairi.macgiolla", 0),
    n("Anneke de Vries", "adevries", "", 60),
    n("Suresh Kumar Pillai", "skpillai", "suresh.pillai", 330),
    n("Valentina Rossi-Conti", "vrossiconti", "", 60),
    n("Emre Çelik", "ecelik", "emre.celik", 180),
    n("Noor Jahangir", "noorj", "", 300),
    n("Camille Fontaine", "cfontaine", "camille.fontaine", 60),
    n("Ewa Nowakowska", "ewa_n", "", 60),
    n("Otieno Wafula", "otieno", "otieno.wafula", 180),
    n("Beatriz Quintanilla", "bquinta", "", -360),
    n("Štěpán Dvořák", "sdvorak", "stepan.dvorak", 60),
    n("Harriet Blackwood", "hblackwood", "", 0),
];

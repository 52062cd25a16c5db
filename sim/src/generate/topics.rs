//! What tickets are about, in English: subjects, symptoms, answers.
//!
//! `{app}`, `{host}`, `{ver}`, `{n}` and `{code}` are filled in by [`super::prose`].

/// One kind of trouble.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Topic {
    pub(crate) label: &'static str,
    pub(crate) subjects: &'static [&'static str],
    pub(crate) symptoms: &'static [&'static str],
    pub(crate) fixes: &'static [&'static str],
}

/// All kinds of trouble.
pub(crate) const TOPICS: [Topic; 10] = [
    Topic {
        label: "login",
        subjects: &[
            "Cannot sign in to {app} since the update to {ver}",
            "Single sign-on sends me back to the login page",
            "Password reset mail for {app} never arrives",
            "Account locked after {n} attempts, please unlock",
        ],
        symptoms: &[
            "The login page loads, I enter my password, and after a second I am back where I started.",
            "Two colleagues on the same floor see exactly this, everybody else is fine.",
            "In a private window it works once, then the session is gone after about {n} minutes.",
            "The audit page of {app} shows error {code} at the same second.",
        ],
        fixes: &[
            "The clock on {host} was {n} seconds behind, so the identity provider refused the assertion.",
            "I cleared the stale sessions of your account; please sign in again.",
        ],
    },
    Topic {
        label: "performance",
        subjects: &[
            "{app} is very slow in the mornings",
            "Report page times out after {n} seconds",
            "Search in {app} takes minutes since {ver}",
            "High latency on {host}",
        ],
        symptoms: &[
            "Between 8:30 and 9:15 every click takes {n} seconds or more; afterwards it is quick again.",
            "The spinner turns and then the page says \"upstream request timeout\".",
            "CPU on {host} stays under 20 %, so we think it waits for the database.",
            "Filtering by customer is slow, filtering by date is not.",
        ],
        fixes: &[
            "A nightly job on {host} overlapped with the morning peak; it now runs at 02:00.",
            "An index was missing after the migration to {ver}. With it the query takes {n} ms.",
        ],
    },
    Topic {
        label: "import",
        subjects: &[
            "CSV import stops at row {n}",
            "Imported contacts lose their accents",
            "Import into {app} reports success but {n} rows are missing",
            "Error {code} while importing price list",
        ],
        symptoms: &[
            "The file has {n} lines, is saved as UTF-8, and the same file worked last month.",
            "Names like Zoë or Łukasz arrive as question marks.",
            "The import page says \"completed\", the list is shorter than the file.",
            "If I split the file in two, both halves go through.",
        ],
        fixes: &[
            "Row {n} holds a line break inside quotes, which the importer of {ver} did not expect.",
            "The separator was detected as a tab. Choosing it by hand works; a fix is on its way.",
        ],
    },
    Topic {
        label: "billing",
        subjects: &[
            "Invoice {n} shows the wrong address",
            "Charged twice for {app} this month",
            "Please change our billing contact",
            "Discount is not applied on renewal",
        ],
        symptoms: &[
            "Our accounting cannot book an invoice with the old address.",
            "The card statement lists the same amount on two consecutive days.",
            "The quote says {n} seats, the invoice says ten more.",
            "We need a corrected document before the end of the month, otherwise it falls into the next period.",
        ],
        fixes: &[
            "I asked accounting to cancel document {n} and to issue a corrected one.",
            "The second charge was only reserved, your bank releases it within five days.",
        ],
    },
    Topic {
        label: "integration",
        subjects: &[
            "Webhook deliveries from {app} fail with {code}",
            "API returns an empty list for our service account",
            "Sync to the warehouse is {n} hours behind",
            "Certificate error when calling {host}",
        ],
        symptoms: &[
            "The same request with curl from my laptop gives 200, from {host} it gives {code}.",
            "It began right after the maintenance window, before that it ran for months.",
            "About one of {n} calls fails, the retry usually works.",
            "The token is valid until next year, we checked.",
        ],
        fixes: &[
            "The intermediate certificate was missing on {host}; it is installed now.",
            "The account had lost its role in the project, so the list was empty rather than forbidden.",
        ],
    },
    Topic {
        label: "crash",
        subjects: &[
            "{app} crashes when opening an attachment",
            "NullPointerException in the nightly job",
            "Desktop client {ver} closes without a message",
            "Worker on {host} restarts every {n} minutes",
        ],
        symptoms: &[
            "The window disappears, nothing is written to the event log of the machine.",
            "It happens with every file larger than {n} MB.",
            "The log of {host} ends with the trace below.",
            "Reinstalling {ver} did not change anything; {app} on the old laptop is fine.",
        ],
        fixes: &[
            "This is a known defect of {ver}; the hot fix on {host} is confirmed by two other customers.",
            "The worker ran into its memory limit, which was set to {n} MB. It has been raised.",
        ],
    },
    Topic {
        label: "access-request",
        subjects: &[
            "Access to {app} for a new colleague",
            "Please add {n} users to the reporting group",
            "Remove access of former employee",
            "VPN access for contractor until the end of the quarter",
        ],
        symptoms: &[
            "She starts on Monday and needs the same rights as her predecessor.",
            "The approval of the line manager is attached.",
            "Read access is enough, they only look at the dashboards.",
            "Please also remove the old shared account, nobody should use it any more.",
        ],
        fixes: &[
            "The account exists now, the invitation is in your mailbox.",
            "I added the {n} people to the group; it can take an hour until everything sees it.",
        ],
    },
    Topic {
        label: "hardware",
        subjects: &[
            "Docking station does not charge laptop",
            "Printer on floor {n} prints blank pages",
            "Second monitor flickers after docking",
            "Request: headset for home office",
        ],
        symptoms: &[
            "The light is on, but the battery goes down.",
            "A different cable and a different socket make no difference.",
            "It works with the device of a colleague, so the station itself seems fine.",
            "Serial number and a photo are attached.",
        ],
        fixes: &[
            "A replacement leaves today, tracking number {n}.",
            "The firmware of the station was old; please restart once with the lid closed.",
        ],
    },
    Topic {
        label: "mail",
        subjects: &[
            "Mails to our domain bounce with {code}",
            "Shared mailbox is missing in {app}",
            "Out-of-office reply goes to everybody",
            "Attachments arrive as winmail.dat",
        ],
        symptoms: &[
            "The bounce says \"{code} mailbox unavailable\", yet the mailbox receives other mail.",
            "Only senders outside the company are affected.",
            "The headers of one message are pasted below.",
            "We changed our mail provider {n} days ago, perhaps that matters.",
        ],
        fixes: &[
            "An old MX record with priority {n} was still published; it is gone now.",
            "The mailbox was hidden from the address list. It shows again after a restart of {app}.",
        ],
    },
    Topic {
        label: "outage",
        subjects: &[
            "{app} is down for all users",
            "502 from the load balancer in front of {host}",
            "No data on the dashboard since this morning",
            "Phone system does not ring in the second office",
        ],
        symptoms: &[
            "Nobody in our three offices can open the start page.",
            "Your status page is green, therefore this ticket.",
            "Around {n} people cannot work at the moment.",
            "It came back for a few minutes and is gone again.",
        ],
        fixes: &[
            "A disk on {host} was full. Space was freed and an alarm has been added at 80 %.",
            "The release of {ver} was rolled back; everything answers normally since then.",
        ],
    },
];

/// How an agent begins, asks or reports.
pub(crate) const AGENT: [&str; 14] = [
    "Thank you for the report, I am looking at it now.",
    "Could you tell us the exact time of the last failure, with the time zone?",
    "Which version does the About page of {app} show?",
    "Please send the log of {host} from the last hour.",
    "I can reproduce this with {ver} on our test system.",
    "We have handed this to the second line, they will answer here.",
    "The vendor confirmed the defect under number {n}.",
    "A work-around: open {app} with the parameter safe=1, then save again.",
    "Nothing unusual in the monitoring of {host} at that time.",
    "I have raised the priority as several customers are affected.",
    "The change is planned for tonight between 22:00 and 23:00.",
    "May I close this ticket, or do you still see {code}?",
    "I am setting this to waiting until we hear from you.",
    "Moved to the right queue, no action needed from your side.",
];

/// What a customer writes later on.
pub(crate) const CUSTOMER: [&str; 14] = [
    "Any news on this?",
    "It happened again this morning at 9:0{n}.",
    "The log is attached.",
    "Thanks, that helped!",
    "Unfortunately the work-around does not help us, we need {app} on all machines.",
    "We are on {ver}, all of us.",
    "My colleague in the other office sees the same, I have added her as a participant.",
    "Please treat this as urgent, our customers notice it.",
    "I tried a different browser and another network, no change.",
    "Today everything was fine, let us keep this open for two more days.",
    "Sorry for the late answer, I was on holiday.",
    "The screenshot shows {code}, before it was another number.",
    "Yes, you can close it. Thank you for the quick help.",
    "Is there a way to be told before the next maintenance?",
];

/// What an app writes.
pub(crate) const APP: [&str; 5] = [
    "This request was escalated automatically: no answer for {n} hours.",
    "SLA \"Time to resolution\" is about to be breached.",
    "Build {ver} was deployed to {host}.",
    "A similar request was solved recently, see the linked article.",
    "The customer has not answered for five working days. The request will be closed in two days.",
];

/// Names of the programs that break.
pub(crate) const APPS: [&str; 10] = [
    "Ledgerly",
    "Parcel Desk",
    "Orbit CRM",
    "FieldNote",
    "Quillbox",
    "Tidepool",
    "PayLane",
    "Atlas Reports",
    "Corkboard",
    "Signal House",
];

/// Names of the machines they run on.
pub(crate) const HOSTS: [&str; 8] = [
    "app-eu-01",
    "app-eu-02",
    "db-primary",
    "batch-07",
    "gw-frankfurt",
    "cache-3.internal",
    "print-srv",
    "mx1.example.net",
];

/// Codes that they print.
pub(crate) const CODES: [&str; 8] = [
    "ERR_4071",
    "HTTP 503",
    "0x80070005",
    "ORA-01555",
    "E-LOGIN-17",
    "SSL_ERROR_NO_CYPHER_OVERLAP",
    "5.7.1",
    "EPIPE",
];

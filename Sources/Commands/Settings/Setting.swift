import Configuration
import Domain

/// One setting: its name, what it means, and what it is when nobody sets it.
struct Setting: Sendable {
    let name: String
    let meaning: String
    let fallback: String
    var isSecret = false

    /// `ZIMAGE_DATABASE_URL` is the key `zimage.database.url`, which the provider turns back into the name.
    var key: ConfigKey { ConfigKey(name.split(separator: "_").map { $0.lowercased() }) }

    static let databaseURL = Setting(
        name: "ZIMAGE_DATABASE_URL", meaning: "PostgreSQL to use; empty: an embedded one in ZIMAGE_DATA", fallback: "",
        isSecret: true)
    static let databaseConnections = Setting(
        name: "ZIMAGE_DATABASE_CONNECTIONS", meaning: "sessions that one zserve may hold", fallback: "8")
    static let databaseWaitSeconds = Setting(
        name: "ZIMAGE_DATABASE_WAIT_SECONDS", meaning: "how long zserve waits at its start for a database that is away",
        fallback: "60")
    static let data = Setting(
        name: "ZIMAGE_DATA", meaning: "folder of the embedded database, pictures and the secret", fallback: ".zimage")
    static let migrations = Setting(
        name: "ZIMAGE_MIGRATIONS", meaning: "folder of the migrations; empty: found beside the program", fallback: "")
    static let secret = Setting(
        name: "ZIMAGE_SECRET", meaning: "64 hex digits shared by all nodes; empty: the file 'secret' in ZIMAGE_DATA",
        fallback: "", isSecret: true)
    static let host = Setting(name: "ZIMAGE_HOST", meaning: "address that zserve listens on", fallback: "127.0.0.1")
    static let port = Setting(name: "ZIMAGE_PORT", meaning: "port that zserve listens on", fallback: "8080")
    static let publicURL = Setting(
        name: "ZIMAGE_PUBLIC_URL",
        meaning: "where customers reach the service, for links, and providers, to call back; empty: http://HOST:PORT, no callbacks",
        fallback: "")
    static let node = Setting(
        name: "ZIMAGE_NODE", meaning: "name of this node in leases; empty: host name and process number", fallback: "")
    static let workers = Setting(
        name: "ZIMAGE_WORKERS", meaning: "tasks that this node works on at once", fallback: "16")
    static let leaseSeconds = Setting(
        name: "ZIMAGE_LEASE_SECONDS", meaning: "silence after which a node's tasks run elsewhere", fallback: "20")
    static let graceSeconds = Setting(
        name: "ZIMAGE_GRACE_SECONDS", meaning: "time for running tasks when asked to stop; the rest is handed back",
        fallback: "15")
    static let imageWaitSeconds = Setting(
        name: "ZIMAGE_IMAGE_WAIT_SECONDS",
        meaning: "how long a request of the OpenAI dialect waits for its picture; its clients wait 600", fallback: "300")
    static let sandboxSeconds = Setting(
        name: "ZIMAGE_SANDBOX_SECONDS", meaning: "how long the sandbox engine takes for a picture", fallback: "1")
    static let sandboxFailurePercent = Setting(
        name: "ZIMAGE_SANDBOX_FAILURE_PERCENT", meaning: "how many of a hundred sandbox jobs fail", fallback: "0")
    static let egressAllow = Setting(
        name: "ZIMAGE_EGRESS_ALLOW",
        meaning: "private addresses that callbacks may reach, as CIDR:port,... such as 10.1.0.0/16:8443", fallback: "")
    static let egressCA = Setting(
        name: "ZIMAGE_EGRESS_CA", meaning: "PEM file of authorities to trust besides the system's", fallback: "")
    static let trustedProxies = Setting(
        name: "ZIMAGE_TRUSTED_PROXIES",
        meaning: "proxies whose X-Forwarded-For is believed, as addresses and blocks with commas between", fallback: "")
    static let creditValue = Setting(
        name: "ZIMAGE_CREDIT_VALUE", meaning: "what one credit is worth in ZIMAGE_CURRENCY, for margins", fallback: "1")
    static let currency = Setting(
        name: "ZIMAGE_CURRENCY", meaning: "three capital letters; provider costs in other currencies are not subtracted",
        fallback: "USD")
    static let logLevel = Setting(
        name: "ZIMAGE_LOG_LEVEL", meaning: "trace, debug, info, notice, warning, error or critical", fallback: "info")
    static let crashAt = Setting(
        name: "ZIMAGE_CRASH_AT",
        meaning: "for tests: dies at a point, such as 'after close_tasks' or its third time, 'after close_tasks:3'",
        fallback: "")
    static let config = Setting(
        name: "ZIMAGE_CONFIG", meaning: "file of NAME=value lines; the environment comes before it", fallback: "")
    static let url = Setting(
        name: "ZIMAGE_URL", meaning: "where clients and scripts find the service; zserve ignores it", fallback: "")
    static let build = Setting(
        name: "ZIMAGE_BUILD", meaning: "debug or release, for the scripts in ops; the programs ignore it",
        fallback: "release")

    static let all = [
        databaseURL, databaseConnections, databaseWaitSeconds, data, migrations, secret, host, port, publicURL, node, workers,
        leaseSeconds, graceSeconds, imageWaitSeconds, sandboxSeconds, sandboxFailurePercent, egressAllow, egressCA,
        trustedProxies, creditValue, currency, logLevel, crashAt, config, url, build,
    ] + moderation
}

/// A setting is missing, misspelt or not what it should be. The value of a secret is never shown.
struct SettingError: Error, CustomStringConvertible {
    let description: String

    /// The name nearest to a misspelt one, by edit distance.
    static func unknown(_ name: String) -> SettingError {
        let nearest = nearestWord(to: name, among: Setting.all.map(\.name)) ?? ""
        return SettingError(description: "there is no setting \(name): did you mean \(nearest)? See `zserve config`.")
    }
}

import Foundation

/// Makes, starts and stops one cluster. Every caller holds the control lock.
struct ClusterControl {
    enum Answer { case accepting, busy, silent }

    private static let owner = "zimage_owner"
    private static let database = "zimage"
    /// Recovery after a crash replays at most `max_wal_size`, which a slow disk does in minutes.
    private static let startLimitSeconds = 300
    private static let stopLimitSeconds = 60
    private static let silenceLimitSeconds = 10

    let layout: ClusterLayout
    private let durable: Bool
    private let user: ClusterUser
    private let programs: ClusterPrograms
    private let processes: ClusterProcesses

    init(layout: ClusterLayout, durable: Bool) throws(EmbeddedClusterError) {
        self.layout = layout
        self.durable = durable
        user = try ClusterUser.forCluster(layout)
        programs = try ClusterPrograms.find(for: layout, user)
        processes = ClusterProcesses(layout: layout, user: user)
    }

    /// Whatever was left behind, afterwards the cluster accepts connections and has the database.
    func bringUp() throws(EmbeddedClusterError) {
        try layout.makeFolder(user)
        if !layout.exists { try initialise() }
        // Twice, because a server that seemed dead may still have been on its way up.
        for _ in 0..<2 {
            if try isSettledAndRunning() { break }
            if try processes.clearRemains() { try launch() }
        }
        try makeDatabase()
    }

    /// Stops the server if it runs: open transactions are rolled back, sessions are closed.
    func shutDown() throws(EmbeddedClusterError) {
        guard layout.exists else { return }
        guard try processes.postmaster() != nil else {
            guard try answer() == .silent else {
                throw EmbeddedClusterError(
                    "The cluster in \(layout.folder) runs in another container, and only that one can stop it.")
            }
            return
        }
        let stop = ["stop", "-D", layout.data, "-w", "-t", "\(Self.stopLimitSeconds)", "-m"]
        let limit = Self.stopLimitSeconds + 5
        // What is not durable anyway need not be written out.
        let mode = durable ? "fast" : "immediate"
        if try programs.run("pg_ctl", stop + [mode], timeoutSeconds: limit).status == 0 { return }
        let outcome = try programs.run("pg_ctl", stop + ["immediate"], timeoutSeconds: limit)
        if outcome.status == 0 { return }
        guard try processes.postmaster() == nil else {
            throw failure("The cluster in \(layout.folder) does not stop. Its log is \(layout.log).", outcome)
        }
    }

    /// Asks the server for a connection, whether or not its process can be seen from here.
    func answer() throws(EmbeddedClusterError) -> Answer {
        let asked = try programs.run(
            "pg_isready", ["-q", "-h", layout.socketFolder, "-p", "\(ClusterLayout.port)", "-t", "3"],
            timeoutSeconds: 10)
        return asked.status == 0 ? .accepting : asked.status == 1 ? .busy : .silent
    }

    /// Waits out a start or stop that an earlier caller began and did not live to see. A server that lives but
    /// listens nowhere (its socket file was deleted) is stopped, so that a new one can be started.
    private func isSettledAndRunning() throws(EmbeddedClusterError) -> Bool {
        let begin = ContinuousClock.now
        while true {
            let answer = try answer()
            if answer == .accepting { return true }
            if answer == .silent, try processes.postmaster() == nil { return false }
            let limit = answer == .busy ? Self.startLimitSeconds : Self.silenceLimitSeconds
            if begin.duration(to: .now) > .seconds(limit) {
                try shutDown()
                return false
            }
            usleep(100_000)
        }
    }

    /// Makes the data directory under another name first: a kill in the middle leaves nothing that looks finished.
    private func initialise() throws(EmbeddedClusterError) {
        _ = try user.shell("rm -rf -- \"$1\"/data.new", [layout.folder])
        let fresh = layout.folder + "/data.new"
        let common =
            ["-D", fresh, "-U", Self.owner, "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "-k"]
            + ["--no-instructions"] + (durable ? [] : ["--no-sync"])
        // Byte order collation is the fast one, and no library update changes it; letters are still Unicode's.
        let locale = ["--lc-collate=C", "--lc-ctype=C.UTF-8"]
        var outcome = try programs.run("initdb", common + ["--locale=C"] + locale, timeoutSeconds: 300)
        if outcome.status != 0 {
            outcome = try programs.run("initdb", common + ["--locale=C"], timeoutSeconds: 300)
        }
        guard outcome.status == 0 else {
            throw failure("initdb could not make a cluster in \(layout.folder). Is the disk full?", outcome)
        }
        let finish = """
            echo "include 'zimage.conf'" >> "$1/postgresql.conf" && mv -T -- "$1" "$2" && sync -- "$3"
            """
        outcome = try user.shell(finish, [fresh, layout.data, layout.folder])
        guard outcome.status == 0 else {
            throw failure("The new cluster \(fresh) could not be put in place. Is the disk full?", outcome)
        }
    }

    private func launch() throws(EmbeddedClusterError) {
        try layout.makeSocketFolder(user)
        let settings = ClusterPrograms.settings(socketFolder: layout.socketFolder, durable: durable)
        try layout.write(settings, to: layout.data + "/zimage.conf", user)
        // One old log is kept, so that the log has a limit: it only gets a few lines at each start.
        let rotate = "[ ! -f \"$1\" ] || [ \"$(stat -c %s \"$1\")\" -lt 16777216 ] || mv \"$1\" \"$1.1\""
        _ = try user.shell(rotate, [layout.log])
        let outcome = try programs.run(
            "pg_ctl", ["start", "-D", layout.data, "-l", layout.log, "-w", "-t", "\(Self.startLimitSeconds)"],
            timeoutSeconds: Self.startLimitSeconds + 5)
        guard outcome.status == 0 else {
            throw failure("PostgreSQL did not start in \(layout.data). The reason is at the end of its log:", outcome)
        }
    }

    private func makeDatabase() throws(EmbeddedClusterError) {
        let server = ["-h", layout.socketFolder, "-p", "\(ClusterLayout.port)", "-U", Self.owner]
        let question = "SELECT 1 FROM pg_database WHERE datname = '\(Self.database)'"
        let asked = try programs.run(
            "psql", server + ["-XAtq", "-d", "postgres", "-c", question], timeoutSeconds: 60)
        guard asked.status == 0 else { throw failure("The cluster in \(layout.folder) refuses its owner.", asked) }
        if asked.output.trimmingCharacters(in: .whitespacesAndNewlines) == "1" { return }
        let made = try programs.run("createdb", server + ["-O", Self.owner, Self.database], timeoutSeconds: 60)
        guard made.status == 0 else { throw failure("The database \(Self.database) cannot be made.", made) }
    }

    private func failure(_ message: String, _ outcome: ClusterProcess.Outcome) -> EmbeddedClusterError {
        let log = (try? user.shell("tail -n 20 -- \"$1\"", [layout.log]).output) ?? ""
        return EmbeddedClusterError(message, output: outcome.output + "\n" + log)
    }
}

import Foundation

/// The operating system user that owns the cluster. PostgreSQL refuses root, so root steps down.
struct ClusterUser {
    let id: UInt32
    let groupID: UInt32
    let name: String
    /// True when this process is root and must step down to run anything.
    let stepsDown: Bool
    /// A file that every program of this user keeps locked while it runs; see ``ClusterLayout/exclusively(_:)``.
    let workLock: String

    /// The caller, or for root the user `postgres`, or `nobody` where PostgreSQL's package made none.
    static func forCluster(_ layout: ClusterLayout) throws(EmbeddedClusterError) -> ClusterUser {
        guard geteuid() == 0 else {
            return ClusterUser(
                id: geteuid(), groupID: getegid(), name: "uid \(geteuid())", stepsDown: false,
                workLock: layout.workLock)
        }
        for name in ["postgres", "nobody"] {
            let entry = try ClusterProcess.run(["getent", "passwd", name], timeoutSeconds: 10).output
            let fields = entry.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 4, let id = UInt32(fields[2]), let group = UInt32(fields[3]), id != 0 else {
                continue
            }
            return ClusterUser(id: id, groupID: group, name: name, stepsDown: true, workLock: layout.workLock)
        }
        throw EmbeddedClusterError(
            "PostgreSQL refuses to run as root, and there is no user postgres or nobody. "
                + "Type: useradd --system postgres")
    }

    /// The words that run a program as this user.
    func command(_ words: [String]) -> [String] {
        guard stepsDown else { return words }
        return ["setpriv", "--reuid=\(id)", "--regid=\(groupID)", "--clear-groups", "--"] + words
    }

    /// Runs a program as this user.
    func run(_ words: [String], timeoutSeconds: Int) throws(EmbeddedClusterError) -> ClusterProcess.Outcome {
        try ClusterProcess.run(command(words), timeoutSeconds: timeoutSeconds, workLock: workLock)
    }

    /// Runs a shell script as this user, so that files get the right owner and root follows none of that user's
    /// links. `arguments` are `$1`, `$2`, ... of the script.
    func shell(
        _ script: String, _ arguments: [String], timeoutSeconds: Int = 30
    ) throws(EmbeddedClusterError) -> ClusterProcess.Outcome {
        try run(["sh", "-c", "umask 077; " + script, "sh"] + arguments, timeoutSeconds: timeoutSeconds)
    }
}

/// Runs the programs of the system and of PostgreSQL: bounded in time, their output kept in part.
enum ClusterProcess {
    struct Outcome {
        /// The exit status; 124 or 137 after the time limit.
        let status: Int32
        /// Standard output and error together, the last 16 KiB.
        let output: String
    }

    private static let outputLimitBytes = 16_384

    /// `Process` waits for a socket that every descendant inherits, so a server that goes into the background would
    /// be waited for until it ends. Hence the shell: it stays in front, and closes all but 0, 1 and 2 for the rest.
    /// It also holds the work lock, and so does not give it up when our process is killed.
    private static let closing = """
        [ -z "$0" ] || { exec 9>>"$0" && flock -s 9 || exit 125; }
        ( for f in /proc/self/fd/*; do n=${f##*/}; [ "$n" -le 2 ] || eval "exec $n>&-"; done; exec "$@" ); exit $?
        """

    /// Runs a program with no input, a clean environment and `/` as its folder, which every user may enter.
    static func run(
        _ words: [String], timeoutSeconds: Int, workLock: String = ""
    ) throws(EmbeddedClusterError) -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", closing, workLock, "timeout", "--kill-after=5", "\(timeoutSeconds)"] + words
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        // Nothing like PGDATA, PGPORT or PGOPTIONS of the caller may steer a program that we run.
        let path = ProcessInfo.processInfo.environment["PATH"].map { $0 + ":" } ?? ""
        process.environment = [
            "PATH": path + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C",
        ]
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        do {
            try process.run()
            var tail = Data()
            while let chunk = try pipe.fileHandleForReading.read(upToCount: 4_096), !chunk.isEmpty {
                tail = (tail + chunk).suffix(outputLimitBytes)
            }
            process.waitUntilExit()
            return Outcome(status: process.terminationStatus, output: String(decoding: tail, as: UTF8.self))
        } catch {
            throw EmbeddedClusterError("/bin/bash cannot be run. Type: apt-get install bash", output: "\(error)")
        }
    }
}

import Foundation

/// The server's processes as the kernel shows them. A process is the cluster's own when it is called `postgres` and
/// its working folder is the data directory: a process number in a file alone may long be somebody else's.
struct ClusterProcesses {
    let layout: ClusterLayout
    let user: ClusterUser

    private var pidFile: String { layout.data + "/postmaster.pid" }

    /// The number of the cluster's living postmaster, or nil.
    func postmaster() throws(EmbeddedClusterError) -> Int32? {
        let read = try user.shell("head -n 1 -- \"$1\" 2>/dev/null", [pidFile])
        guard let pid = Int32(read.output.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 0 else { return nil }
        return try all().contains(pid) ? pid : nil
    }

    /// Removes what a postmaster that was killed left behind: its children first, because they may still write to
    /// the data files, and then its lock files, whose number may meanwhile be another process's, or a dead one's
    /// that nobody has collected (as in a container without an init). False when a postmaster appeared meanwhile.
    func clearRemains() throws(EmbeddedClusterError) -> Bool {
        let begin = ContinuousClock.now
        while true {
            let orphans = try all()
            if orphans.isEmpty { break }
            if try postmaster() != nil { return false }
            let waited = begin.duration(to: .now)
            guard waited < .seconds(30) else {
                throw EmbeddedClusterError(
                    "The processes \(orphans.map(String.init).joined(separator: " ")) of a killed PostgreSQL do not "
                        + "end. They wait for the disk: see it with dmesg, and try again.")
            }
            // They notice by themselves within moments; whoever is too busy to notice is helped.
            if waited > .seconds(2) { _ = try user.shell("kill -KILL \"$@\"", orphans.map(String.init)) }
            usleep(50_000)
        }
        let socket = layout.socketFolder + "/.s.PGSQL.\(ClusterLayout.port)"
        _ = try user.shell("rm -f -- \"$@\"", [pidFile, socket, socket + ".lock"])
        return true
    }

    /// Reading another process's working folder takes its own user's rights, which not even root has in a container.
    private func all() throws(EmbeddedClusterError) -> [Int32] {
        let listed = try user.shell(
            """
            find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$1" -printf '%h\\n' 2>/dev/null | while read -r p; do
                [ "$(cat "$p/comm" 2>/dev/null)" != postgres ] || echo "${p#/proc/}"
            done
            """, [Self.literalPattern(layout.data)])
        return listed.output.split(separator: "\n").compactMap { Int32($0) }
    }

    private static func literalPattern(_ path: String) -> String {
        String(path.flatMap { "*?[]\\".contains($0) ? ["\\", $0] : [$0] })
    }
}

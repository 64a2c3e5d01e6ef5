import Foundation

/// The service's own PostgreSQL cluster, for installations that bring no database of their own.
///
/// The cluster lives in `<dataFolder>/postgres`, listens on a Unix socket only, and runs as an unprivileged user
/// even when the caller is root. Several processes may share it: each holds a ``ClusterLease``, and the last one
/// out stops it. Every method here blocks on child processes (milliseconds when the cluster runs, seconds at first
/// use, minutes after a crash), so call them before the service serves, or from a thread of your own.
public struct EmbeddedCluster: Sendable {
    /// The absolute path of the folder that holds the cluster and its lock files.
    public let dataFolder: String
    /// Whether a commit is on disk when it is acknowledged; only tests turn this off.
    public let durable: Bool

    /// Names a cluster; nothing is made or started yet.
    ///
    /// - Parameters:
    ///   - dataFolder: the folder to use, absolute or relative to the working folder; made when missing.
    ///   - durable: `false` turns fsync off, which loses data when the machine stops.
    public init(dataFolder: String, durable: Bool = true) {
        self.dataFolder = URL(fileURLWithPath: dataFolder).standardizedFileURL.path
        self.durable = durable
    }

    /// Makes and starts the cluster where needed, and registers this process as one of its users.
    ///
    /// - Throws: ``EmbeddedClusterError`` when PostgreSQL is missing, cannot start, or another process keeps the
    ///   start or stop lock for longer than six minutes.
    public func acquire() throws(EmbeddedClusterError) -> ClusterLease {
        let layout = ClusterLayout(dataFolder: dataFolder)
        try layout.makeDataFolder()
        return try layout.exclusively { () throws(EmbeddedClusterError) in
            let registration = try FileLock.shared(layout.usersLock)
            try ClusterControl(layout: layout, durable: durable).bringUp()
            return ClusterLease(cluster: self, url: layout.url, registration: registration)
        }
    }

    /// Starts the cluster and pins it, so that it keeps running when its last user leaves.
    public func start() throws(EmbeddedClusterError) {
        let layout = ClusterLayout(dataFolder: dataFolder)
        try layout.makeDataFolder()
        try layout.exclusively { () throws(EmbeddedClusterError) in
            try ClusterControl(layout: layout, durable: durable).bringUp()
            try layout.setPinned(true)
        }
    }

    /// Unpins the cluster and stops it, also under processes that still use it. Stopped already is not an error.
    public func stop() throws(EmbeddedClusterError) {
        let layout = ClusterLayout(dataFolder: dataFolder)
        guard layout.exists else { return }
        try layout.exclusively { () throws(EmbeddedClusterError) in
            try layout.setPinned(false)
            try ClusterControl(layout: layout, durable: durable).shutDown()
        }
    }

    /// The libpq address of the database `zimage`, as its owner. Final once ``acquire()`` or ``start()`` returned,
    /// because only then it is known where the socket lies.
    public var url: String { ClusterLayout(dataFolder: dataFolder).url }

    /// Whether the cluster accepts connections now. Runs `pg_isready`, some ten milliseconds.
    public var isRunning: Bool {
        let layout = ClusterLayout(dataFolder: dataFolder)
        guard layout.exists else { return false }
        do {
            return try ClusterControl(layout: layout, durable: durable).answer() == .accepting
        } catch {
            // Without PostgreSQL's programs there is nothing that could run.
            return false
        }
    }
}

/// Why the embedded cluster could not be made, started or stopped.
public struct EmbeddedClusterError: Error, Sendable, CustomStringConvertible {
    /// What went wrong and what to do next.
    public let message: String
    /// The last lines (16 KiB at most) that PostgreSQL's programs or the server's log said; may be empty.
    public let output: String

    init(_ message: String, output: String = "") {
        self.message = message
        self.output = output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The message, then the output when there is any.
    public var description: String { output.isEmpty ? message : message + "\n" + output }
}

import Foundation
import Synchronization

/// One process's registration as a user of an embedded cluster.
///
/// The kernel forgets a registration when its process dies, however it dies. A lease that is dropped without
/// ``release()`` is forgotten too, but leaves the cluster running.
public final class ClusterLease: Sendable {
    /// The libpq address of the database `zimage`.
    public let url: String
    private let cluster: EmbeddedCluster
    private let registration: Mutex<FileLock?>

    init(cluster: EmbeddedCluster, url: String, registration: FileLock) {
        self.cluster = cluster
        self.url = url
        self.registration = Mutex(registration)
    }

    /// Starts the cluster again when it is down, for whatever reason. Blocks like ``EmbeddedCluster/acquire()``.
    public func revive() throws(EmbeddedClusterError) {
        let layout = ClusterLayout(dataFolder: cluster.dataFolder)
        try layout.exclusively { () throws(EmbeddedClusterError) in
            try ClusterControl(layout: layout, durable: cluster.durable).bringUp()
        }
    }

    /// Ends the registration, and stops the cluster when nobody else is registered and it is not pinned.
    /// Safe to call again. Blocks until the server has stopped, usually well under a second.
    public func release() throws(EmbeddedClusterError) {
        let held = registration.withLock { lock -> FileLock? in
            defer { lock = nil }
            return lock
        }
        guard let held else { return }
        defer { held.unlock() }
        let layout = ClusterLayout(dataFolder: cluster.dataFolder)
        try layout.exclusively { () throws(EmbeddedClusterError) in
            // Turning our shared lock into an exclusive one succeeds only for the last user, and nobody can
            // register meanwhile, because registering needs the control lock.
            guard held.becomeExclusive(), !layout.isPinned else { return }
            try ClusterControl(layout: layout, durable: cluster.durable).shutDown()
        }
    }
}

extension ClusterLayout {
    /// Runs a start, a stop or a registration while no other process does.
    ///
    /// A caller that was killed may have left `initdb` or `pg_ctl` at work. They hold the work lock, so that this
    /// waits for them to finish, and finds a state that nobody is changing.
    func exclusively<Result>(
        _ body: () throws(EmbeddedClusterError) -> Result
    ) throws(EmbeddedClusterError) -> Result {
        try FileLock.holding(controlLock) { () throws(EmbeddedClusterError) in
            try FileLock.holding(workLock) {}
            return try body()
        }
    }
}

/// A lock on a file, owned by one open file description, which no child process inherits.
final class FileLock: Sendable {
    private let descriptor: Int32

    private init(_ path: String) throws(EmbeddedClusterError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw EmbeddedClusterError("\(path) cannot be opened: \(systemError()). Run as the owner of this folder.")
        }
    }

    /// Not by closing alone: a child of this process that has not reached its `exec` yet has a copy, and with it the lock.
    deinit {
        if descriptor >= 0 {
            unlock()
            close(descriptor)
        }
    }

    /// Unlocks at once, also for a copy of the descriptor in a child that has not reached its `exec` yet.
    func unlock() { flock(descriptor, LOCK_UN) }

    /// Whether nobody else holds the file, and this lock is exclusive from now on. After `false` it holds nothing.
    func becomeExclusive() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    /// Takes a shared lock; only a holder of the control lock asks, so nobody can hold the file exclusively for long.
    static func shared(_ path: String) throws(EmbeddedClusterError) -> FileLock {
        try waiting(path, LOCK_SH, timeoutSeconds: 10)
    }

    /// Runs `body` under an exclusive lock. The wait is longer than the longest start that a holder may be in.
    static func holding<Result>(
        _ path: String, _ body: () throws(EmbeddedClusterError) -> Result
    ) throws(EmbeddedClusterError) -> Result {
        let lock = try waiting(path, LOCK_EX, timeoutSeconds: 360)
        defer { lock.unlock() }
        return try body()
    }

    private static func waiting(
        _ path: String, _ mode: Int32, timeoutSeconds: Int
    ) throws(EmbeddedClusterError) -> FileLock {
        let lock = try FileLock(path)
        let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
        while flock(lock.descriptor, mode | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, ContinuousClock.now < deadline else {
                throw EmbeddedClusterError(
                    "\(path) stays locked by another process (\(systemError())). See which with: fuser -v \(path)")
            }
            usleep(20_000)
        }
        return lock
    }
}

/// The text of the last failed system call of this thread.
func systemError() -> String { String(cString: strerror(errno)) }

public import Postgres
public import Providers
import Synchronization

/// Wakes whoever follows a submit when its provider calls back. A callback is only a hint that it is worth asking: it decides
/// nothing, may come twice, too early or never, and the questions that are asked anyway find out the same.
public final class SubmitHints: Sendable {
    /// How many other nodes' submits are told at once; what comes beyond is found by asking.
    private static let untoldMax = 1024
    /// The shortest time between two messages to the other nodes, however many callbacks come.
    private static let pauseMilliseconds = 100

    private let pool: ConnectionPool
    private let callbacks: ProviderCallbacks
    private let followed = Mutex<[String: Signal]>([:])
    private let untold = Mutex<Set<String>>([])
    private let remote = Signal()

    /// - Parameters:
    ///   - pool: where other nodes are told.
    ///   - callbacks: knows the addresses.
    public init(_ pool: ConnectionPool, callbacks: ProviderCallbacks) {
        self.pool = pool
        self.callbacks = callbacks
    }

    /// Where a submit's provider may call; nil when it cannot.
    func url(for reference: String) -> String? { callbacks.url(for: reference) }

    /// Listens for a submit while something is done about it, from before it leaves: its provider may be faster than its own
    /// answer, and the signal keeps what came.
    func following<Value>(_ reference: String, _ body: (Signal) async throws -> Value) async rethrows -> Value {
        let signal = Signal()
        followed.withLock { $0[reference] = signal }
        // Another attempt of this node may have taken it over.
        defer { followed.withLock { if $0[reference] === signal { $0[reference] = nil } } }
        return try await body(signal)
    }

    /// Somebody called an address, of which this is the last part. Asks nobody and waits for nothing.
    /// - Returns: whether this installation has made the address.
    public func called(_ token: String) -> Bool {
        guard let reference = callbacks.reference(token) else { return false }
        if wake(reference) { return true }
        let isNews = untold.withLock { $0.count < Self.untoldMax && $0.insert(reference).inserted }
        if isNews { remote.send() }
        return true
    }

    /// Another node was called.
    public func heard(_ reference: String) { _ = wake(reference) }

    /// Tells the other nodes until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            await remote.wait()
            let references = untold.withLock { untold in
                defer { untold = [] }
                return Array(untold)
            }
            // A hint that fails is not worth a retry: whoever follows the submit asks anyway.
            if !references.isEmpty { try? await SubmitBook().hint(references, in: pool) }
            try? await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
        }
    }

    private func wake(_ reference: String) -> Bool {
        guard let signal = followed.withLock({ $0[reference] }) else { return false }
        signal.send()
        return true
    }
}

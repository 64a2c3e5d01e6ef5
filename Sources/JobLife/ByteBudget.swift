import Synchronization

/// Bytes of pictures that may be in memory at once. What is larger than all of them may be there alone.
public final class ByteBudget: Sendable {
    /// Two of the largest replies with a picture in them, or many small ones.
    public static let picturesMax = 24 * 1024 * 1024

    private let bytesMax: Int
    private let used = Mutex(0)

    /// A budget of which nothing is used yet.
    public init(bytesMax: Int = picturesMax) { self.bytesMax = bytesMax }

    /// False when there is no room now.
    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes == 0 || used == 0 || used + bytes <= bytesMax else { return false }
            used += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) { used.withLock { $0 -= bytes } }

    /// Room that comes back when nobody holds it any more, or after the seconds: whoever reads so slowly holds up nobody. Nil
    /// when there is none now.
    public func room(_ bytes: Int, atMostSeconds: Double = 60) -> ByteRoom? {
        take(bytes) ? ByteRoom(self, bytes, atMostSeconds: atMostSeconds) : nil
    }
}

/// A part of a ``ByteBudget``.
public final class ByteRoom: Sendable {
    private let holding: Task<Void, Never>

    fileprivate init(_ budget: ByteBudget, _ bytes: Int, atMostSeconds: Double) {
        holding = Task {
            try? await Task.sleep(for: .seconds(atMostSeconds))
            budget.giveBack(bytes)
        }
    }

    deinit { holding.cancel() }
}

/// A message from `NOTIFY`. It is only a hint: whoever listens must also poll.
public struct Notification: Sendable, Equatable {
    /// The channel.
    public let channel: String
    /// The text sent with it.
    public let payload: String
}

/// Listens on a connection of its own, and comes back by itself when the server was away.
public struct Listener: Sendable {
    private let address: DatabaseAddress
    private let channels: [String]

    /// - Parameters:
    ///   - address: where the database is.
    ///   - channels: names made of lower-case letters and `_`.
    public init(_ address: DatabaseAddress, channels: [String]) {
        precondition(channels.allSatisfy { $0.allSatisfy { $0.isLowercase || $0 == "_" } }, "a channel is a plain name")
        self.address = address
        self.channels = channels
    }

    /// Calls back for every notification until the task is cancelled.
    /// - Parameters:
    ///   - established: called each time that listening begins; what was sent before it may have been missed.
    ///   - received: called for each notification.
    public func run(
        established: @Sendable () async -> Void, received: @Sendable (Notification) async -> Void
    ) async {
        while !Task.isCancelled {
            do {
                let connection = try await Connection.open(address)
                for channel in channels { try await connection.simple("listen \(channel)") }
                await established()
                while !Task.isCancelled {
                    for notification in try await connection.notifications(waitMilliseconds: 250) {
                        await received(notification)
                    }
                }
            } catch {
                // The server is away. Its return is looked for once a second; polling covers the gap.
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}

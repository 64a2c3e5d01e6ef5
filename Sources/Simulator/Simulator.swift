import Curl
public import Domain
public import Foundation
public import Providers
import Vips

/// Plays a provider: an HTTP server that speaks one dialect as its documents say, with faults by a script, and keeps a
/// book of what it was asked. It makes real pictures and costs nothing.
///
/// ```
/// let simulator = try await Simulator.start(.init(kind: .novita, faults: [.on(.submit, .status(503))], secondsPerJob: 0))
/// ```
public final class Simulator: Sendable {
    /// How a simulated provider behaves.
    public struct Settings: Sendable {
        /// The dialect.
        public var kind: ProviderKind
        /// What callers must send as a bearer token; nil: nothing.
        public var key: String?
        /// The port on 127.0.0.1; 0: any that is free.
        public var port: Int
        /// What goes wrong.
        public var faults: [ScriptedFault]
        /// How it differs from the plain reading of its documents.
        public var quirks: Set<Quirk>
        /// How long a job takes, in seconds; infinity: until ``JobBook/finishAll()``.
        public var secondsPerJob: Double
        /// How many pictures the balance pays for; nil: it is never empty.
        public var balance: Int?
        /// What a picture costs.
        public var price: ProviderCost
        /// How long a link lives, in seconds.
        public var linkSeconds: Int
        /// Draws what comes from a prompt alone, for tests that need thousands of pictures; nil: the sandbox does.
        public var draw: (@Sendable (SimulatedOrder) -> [UInt8])?
        /// The present; tests drive it.
        public var now: @Sendable () -> Date

        /// A provider that always works.
        /// - Parameters:
        ///   - price: nil for the kind's usual one, see ``usualPrice(of:)``.
        ///   - linkSeconds: nil for what the documents say: an hour, in the unified dialect a day.
        public init(
            kind: ProviderKind, key: String? = "simulated", port: Int = 0, faults: [ScriptedFault] = [], quirks: Set<Quirk> = [],
            secondsPerJob: Double = 0, balance: Int? = nil, price: ProviderCost? = nil, linkSeconds: Int? = nil,
            draw: (@Sendable (SimulatedOrder) -> [UInt8])? = nil, now: @escaping @Sendable () -> Date = { Date() }
        ) {
            self.kind = kind
            self.key = key
            self.port = port
            self.faults = faults
            self.quirks = quirks
            self.secondsPerJob = secondsPerJob
            self.balance = balance
            self.price = price ?? Self.usualPrice(of: kind)
            self.linkSeconds = linkSeconds ?? (kind == .unified ? 86_400 : 3600)
            self.draw = draw
            self.now = now
        }

        /// 0.02 USD at zimageturbo.ai, as it documents; 0.005 USD elsewhere, where no price was found.
        public static func usualPrice(of kind: ProviderKind) -> ProviderCost {
            ProviderCost(micro: kind == .zimageturbo ? 20_000 : 5_000, currency: "USD")
        }

        func checked() throws(SimulatorError) -> Settings {
            guard (0...65_535).contains(port) else { throw SimulatorError("the port is 0 to 65535, not \(port)") }
            guard secondsPerJob >= 0 else { throw SimulatorError("a job takes 0 seconds or more, not \(secondsPerJob)") }
            guard (balance ?? 0) >= 0 else { throw SimulatorError("the balance is 0 pictures or more") }
            guard price.micro >= 0 else { throw SimulatorError("the price is 0 or more") }
            guard linkSeconds > 0 else { throw SimulatorError("a link lives for 1 second or more") }
            if let quirk = quirks.filter({ !$0.kinds.contains(kind) }).map(\.rawValue).min() {
                let possible = Quirk.allCases.filter { $0.kinds.contains(kind) }.map(\.rawValue).joined(separator: ", ")
                throw SimulatorError("\(kind.rawValue) cannot be \(quirk), only \(possible)")
            }
            return self
        }
    }

    /// Where it is: `http://127.0.0.1:8081`.
    public let url: String
    /// What it was asked and has done.
    public let book: JobBook
    private let script: FaultScript
    private let transfers: Transfers
    private let tasks: [Task<Void, any Error>]

    private init(_ url: String, _ desk: Desk, _ transfers: Transfers, _ tasks: [Task<Void, any Error>]) {
        self.url = url
        book = desk.book
        script = desk.script
        self.transfers = transfers
        self.tasks = tasks
    }

    deinit { for task in tasks { task.cancel() } }

    /// Starts one and returns when it can be called.
    public static func start(_ settings: Settings) async throws(SimulatorError) -> Simulator {
        let settings = try settings.checked()
        do throws(VipsError) { try VipsLibrary.start() } catch { throw SimulatorError("no picture can be drawn: \(error)") }
        let address = ServerAddress()
        let transfers = Transfers()
        let (ids, announcer) = AsyncStream.makeStream(of: String.self)
        let desk = try Desk(settings, address, transfers) { announcer.yield($0) }
        let callbacks = Callbacks(book: desk.book, dialect: desk.dialect, transfers: transfers)
        let server = address.run(Responder(desk: desk), port: settings.port)
        guard let url = await address.known() else {
            var reason = "it ended"
            if case .failure(let error) = await server.result { reason = "\(error)" }
            await transfers.shutdown()
            throw SimulatorError("port \(settings.port) of 127.0.0.1 cannot be used, take another or 0 for any: \(reason)")
        }
        let teller = Task<Void, any Error> {
            await withDiscardingTaskGroup { group in
                for await id in ids { group.addTask { await callbacks.follow(id) } }
            }
        }
        return Simulator(url, desk, transfers, [server, teller])
    }

    /// Replaces the script. Throws, and changes nothing, where this kind of provider cannot have a fault.
    public func setFaults(_ faults: [ScriptedFault]) throws(SimulatorError) { try script.replace(by: faults) }

    /// The faults that have not happened yet.
    public var faultsLeft: [ScriptedFault] { script.faults }

    /// What `GET /_simulator/invoice.csv` answers.
    public var invoice: String { InvoicePage(jobs: book.jobs).csv }

    /// Closes every connection and returns when nothing is left of it.
    public func stop() async {
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
        await transfers.shutdown()
        book.close()
    }
}

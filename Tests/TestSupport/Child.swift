import Foundation
import Synchronization

/// A program in a process of its own that inherits nothing of ours: no open files, no blocked signals, no environment.
///
/// Foundation's `Process` gives every child the sockets by which it waits for its siblings, so that waiting for one
/// child can mean waiting for all that were started meanwhile: a deadlock when tests run in parallel.
public final class Child: Sendable {
    /// How the program ended.
    public enum Ending: Equatable, Sendable { case exited(Int32), killed(bySignal: Int32) }

    private struct State {
        var ending: Ending?
        var waiters: [CheckedContinuation<Ending, Never>] = []
    }

    /// Its number.
    public let pid: Int32
    private let state = Mutex(State())

    /// Starts a program. It reads a file, or nothing; its output goes to the files, or nowhere.
    public convenience init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], inputPath: String = "/dev/null",
        outputPath: String = "/dev/null", errorPath: String = "/dev/null"
    ) throws {
        let output = open(outputPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let error = open(errorPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { for file in [output, error] where file >= 0 { close(file) } }
        guard output >= 0, error >= 0 else { throw TestFailure("cannot write \(outputPath) or \(errorPath)") }
        try self.init(program, arguments, environment, inputPath, output: output, error: error)
    }

    /// Starts a program whose output is read line by line.
    public static func withLines(_ program: String, _ arguments: [String]) throws -> (Child, AsyncStream<String>) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestFailure("no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
        let reader = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        defer { for file in [nowhere, ends[1]] { close(file) } }
        return (try Child(program, arguments, [:], "/dev/null", output: ends[1], error: nowhere), lines(of: reader))
    }

    private init(
        _ program: String, _ arguments: [String], _ environment: [String: String], _ inputPath: String, output: Int32,
        error: Int32
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)
        // Beyond what a process of tests has open: a pipe that is inherited is waited for until this child ends.
        for descriptor in Int32(3)..<4096 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGTERM, SIGINT, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words = ([program] + arguments).map { strdup($0) } + [nil]
        let all = environment.merging(["PATH": "/usr/local/bin:/usr/bin:/bin"]) { given, _ in given }
        var settings = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + settings { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, program, &actions, &attributes, &words, &settings)
        guard code == 0 else { throw TestFailure("\(program): \(String(cString: strerror(code)))") }
        self.pid = pid
        // Waiting blocks, so it has a thread of its own.
        let thread = Thread { [self] in
            var status: Int32 = 0
            while waitpid(self.pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7f
            finish(signal == 0 ? .exited((status >> 8) & 0xff) : .killed(bySignal: signal))
        }
        thread.start()
    }

    private func finish(_ ending: Ending) {
        let waiters = state.withLock { state in
            state.ending = ending
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: ending) }
    }

    /// Whether it has not ended yet.
    public var isRunning: Bool { state.withLock { $0.ending == nil } }

    /// Whether SIGSTOP has reached every thread of it: until then, one may still act on what it receives.
    public var isStopped: Bool {
        let threads = "/proc/\(pid)/task"
        guard let ids = try? FileManager.default.contentsOfDirectory(atPath: threads) else { return false }
        return ids.allSatisfy { id in
            let status = try? String(contentsOfFile: "\(threads)/\(id)/stat", encoding: .utf8)
            // The state follows the program's name, which stands in parentheses.
            return status?.split(separator: ")").last?.hasPrefix(" T") ?? false
        }
    }

    /// Sends a signal, unless it has ended.
    public func send(_ signal: Int32) {
        _ = state.withLock { $0.ending == nil ? kill(pid, signal) : 0 }
    }

    /// Waits for the end.
    public func ending() async -> Ending {
        await withCheckedContinuation { continuation in
            let ending = state.withLock { state in
                if state.ending == nil { state.waiters.append(continuation) }
                return state.ending
            }
            if let ending { continuation.resume(returning: ending) }
        }
    }

    /// Reads on a thread of its own, because a blocking read must not hold up the other tests.
    private static func lines(of handle: FileHandle) -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread {
            var text = ""
            while case let more = handle.availableData, !more.isEmpty {
                text += String(decoding: more, as: UTF8.self)
                var complete = text.split(separator: "\n", omittingEmptySubsequences: false)
                text = String(complete.removeLast())
                for line in complete { continuation.yield(String(line)) }
            }
            continuation.finish()
        }.start()
        return stream
    }
}

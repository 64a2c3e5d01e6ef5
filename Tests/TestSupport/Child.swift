import Foundation
import Synchronization
import TestSupport

/// A program in a process of its own, with its output in files.
final class Child: Sendable {
    enum Ending: Equatable, Sendable { case exited(Int32), killed(bySignal: Int32) }

    private struct State {
        var ending: Ending?
        var waiters: [CheckedContinuation<Ending, Never>] = []
    }

    let pid: Int32
    private let state = Mutex(State())

    /// Starts the program. It inherits nothing of ours: no files, no environment, no blocked signals.
    init(
        _ program: String, _ arguments: [String], environment: [String: String], outputPath: String, errorPath: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        for descriptor in Int32(3)..<256 { posix_spawn_file_actions_addclose(&actions, descriptor) }
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
        var settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + settings { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, &attributes, &words, &settings)
        guard code == 0 else { throw TestFailure("\(program): \(String(cString: strerror(code)))") }
        self.pid = pid
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

    var isRunning: Bool { state.withLock { $0.ending == nil } }

    func send(_ signal: Int32) {
        // Under the lock the process cannot be collected, so its number is still its own.
        state.withLock { if $0.ending == nil { kill(pid, signal) } }
    }

    /// Waits for the end.
    func ending() async -> Ending {
        await withCheckedContinuation { continuation in
            let ending = state.withLock { state in
                if state.ending == nil { state.waiters.append(continuation) }
                return state.ending
            }
            if let ending { continuation.resume(returning: ending) }
        }
    }
}

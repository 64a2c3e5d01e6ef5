import Foundation
import Postgres
import Testing

/// These tests start real clusters in folders of their own, so each takes some seconds.
@Suite struct EmbeddedClusterTests {
    @Test func firstUseMakesAClusterAndTheLastOneOutStopsIt() throws {
        try withFolder { folder in
            let cluster = EmbeddedCluster(dataFolder: folder)
            #expect(!cluster.isRunning)
            let first = try cluster.acquire()
            #expect(first.url == cluster.url)
            #expect(first.url.hasPrefix("postgresql:///zimage?host=/"))
            #expect(first.url.hasSuffix("/run&user=zimage_owner"))
            #expect(try ask(first.url, "CREATE TABLE kept AS SELECT 42 AS n; SELECT current_database()") == "zimage")

            let second = try cluster.acquire()
            try first.release()
            try first.release()
            #expect(cluster.isRunning, "the second user still needs it")
            try second.release()
            #expect(!cluster.isRunning)

            let again = try cluster.acquire()
            #expect(try ask(again.url, "SELECT n FROM kept") == "42")
            try again.release()
        }
    }

    @Test func aLeaseThatWasDroppedHoldsNothing() throws {
        try withFolder { folder in
            let cluster = EmbeddedCluster(dataFolder: folder, durable: false)
            let kept = try cluster.acquire()
            _ = try cluster.acquire()
            try kept.release()
            #expect(!cluster.isRunning)
        }
    }

    @Test func pinnedClusterOutlivesItsUsers() throws {
        try withFolder { folder in
            let cluster = EmbeddedCluster(dataFolder: folder, durable: false)
            try cluster.start()
            let lease = try cluster.acquire()
            try lease.release()
            #expect(cluster.isRunning)
            try cluster.stop()
            #expect(!cluster.isRunning)
            try cluster.stop()
            try cluster.acquire().release()
            #expect(!cluster.isRunning, "stop also unpins")
        }
    }

    @Test func settingsAreDurablePrivateAndLocal() throws {
        try withFolder { folder in
            let lease = try EmbeddedCluster(dataFolder: folder).acquire()
            let expected = [
                "data_checksums": "on", "fsync": "on", "full_page_writes": "on", "jit": "off", "listen_addresses": "",
                "log_error_verbosity": "terse", "log_min_error_statement": "panic", "log_min_messages": "log",
                "log_statement": "none", "max_connections": "100", "server_encoding": "UTF8",
                "synchronous_commit": "on", "TimeZone": "UTC",
            ]
            let names = expected.keys.map { "'\($0)'" }.joined(separator: ",")
            let rows = try ask(lease.url, "SELECT name, setting FROM pg_settings WHERE name IN (\(names))")
            let found = rows.split(separator: "\n").map { $0.split(separator: "|", omittingEmptySubsequences: false) }
            #expect(Dictionary(uniqueKeysWithValues: found.map { (String($0[0]), String($0[1])) }) == expected)
            let loose = "SELECT count(*) FROM pg_hba_file_rules WHERE type <> 'local' AND auth_method <> 'reject'"
            #expect(try ask(lease.url, loose) == "0")

            let prompt = "prompt-\(UInt64.random(in: 0 ... .max))"
            _ = try? ask(lease.url, "SELECT '\(prompt)'::int")
            _ = try? ask(lease.url, "DO $$ BEGIN RAISE EXCEPTION '\(prompt)'; END $$")
            let log = try String(contentsOfFile: folder + "/postgres/postgres.log", encoding: .utf8)
            #expect(log.contains("ready to accept connections"))
            #expect(!log.contains(prompt))
            try lease.release()
        }
    }

    @Test func serverHasItsOwnSessionAndUserAndNoFileOfTheCaller() throws {
        try withFolder { folder in
            let lease = try EmbeddedCluster(dataFolder: folder, durable: false).acquire()
            let pid = try postmaster(folder)
            let status = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            // After the name in parentheses: state, parent, group, session.
            let fields = status[(status.lastIndex(of: ")") ?? status.startIndex)...].split(separator: " ")
            #expect(Int32(fields[4]) != getsid(0), "a terminal's interrupt would reach it")
            let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? Int
            #expect(try #require(owner) != 0)
            let files = try (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd"))?.map {
                try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
            }
            for file in files ?? [] {
                #expect(!file.hasSuffix("postgres.users") && !file.hasSuffix("postgres.control"))
            }
            #expect(try ask(lease.url, "SELECT pg_is_in_recovery()") == "f")
            try lease.release()
        }
    }

    @Test func killedServerComesBackWithWhatWasCommitted() throws {
        try withFolder { folder in
            let cluster = EmbeddedCluster(dataFolder: folder)
            let first = try cluster.acquire()
            _ = try ask(first.url, "CREATE TABLE kept AS SELECT 7 AS n")
            kill(try postmaster(folder), SIGKILL)
            let second = try cluster.acquire()
            #expect(try ask(second.url, "SELECT n FROM kept") == "7")
            try first.release()
            #expect(cluster.isRunning)
            try second.release()
            #expect(!cluster.isRunning)
        }
    }

    @Test func processFileWithAnotherProcessesNumberIsNotBelieved() throws {
        try withFolder { folder in
            let cluster = EmbeddedCluster(dataFolder: folder, durable: false)
            let first = try cluster.acquire()
            // A second server of the same user: the number that PostgreSQL itself would believe.
            try withFolder { other in
                let neighbour = EmbeddedCluster(dataFolder: other, durable: false)
                let lease = try neighbour.acquire()
                let path = folder + "/postgres/data/postmaster.pid"
                let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst()
                kill(try postmaster(folder), SIGKILL)
                try ("\(postmaster(other))\n" + lines.joined(separator: "\n") + "\n")
                    .write(toFile: path, atomically: false, encoding: .utf8)
                let second = try cluster.acquire()
                #expect(try ask(second.url, "SELECT 1") == "1")
                try second.release()
                #expect(neighbour.isRunning)
                try lease.release()
            }
            try first.release()
            #expect(!cluster.isRunning)
        }
    }

    @Test func halfMadeClusterIsMadeAnew() throws {
        try withFolder { folder in
            let cluster = EmbeddedCluster(dataFolder: folder, durable: false)
            try cluster.acquire().release()
            // What a kill during the first use leaves: a data directory that was never put in its place.
            let data = folder + "/postgres/data"
            try FileManager.default.moveItem(atPath: data, toPath: data + ".new")
            try FileManager.default.removeItem(atPath: data + ".new/base")
            let lease = try cluster.acquire()
            #expect(try ask(lease.url, "SELECT current_user") == "zimage_owner")
            try lease.release()
            #expect(!FileManager.default.fileExists(atPath: data + ".new"))
        }
    }

    @Test func closedParentFolderMovesTheClusterWhereItsUserCanGo() throws {
        try withFolder { folder in
            chmod(folder, 0o700)
            defer { try? discard(folder + "/inner") }
            let cluster = EmbeddedCluster(dataFolder: folder + "/inner", durable: false)
            let lease = try cluster.acquire()
            #expect(try ask(lease.url, "SELECT 1") == "1")
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/inner/postgres")
            if geteuid() == 0 {
                #expect(target?.hasPrefix("/var/lib/zimage/cluster-") == true)
            } else {
                #expect(target == nil, "a user can always enter its own folder")
            }
            #expect(lease.url == cluster.url)
            try lease.release()
        }
    }

    @Test func longPathPutsTheSocketElsewhereAndReplacesALostFolder() throws {
        try withFolder { folder in
            let long = folder + "/" + String(repeating: "long, ", count: 20).trimmingCharacters(in: .whitespaces)
            defer { try? discard(long) }
            let cluster = EmbeddedCluster(dataFolder: long, durable: false)
            let first = try cluster.acquire()
            #expect(first.url.contains("host=/tmp/zimage-"))
            #expect(try ask(first.url, "SELECT 1") == "1")
            try FileManager.default.removeItem(atPath: socketFolder(first.url))
            kill(try postmaster(long), SIGKILL)
            let second = try cluster.acquire()
            #expect(second.url != first.url)
            #expect(try ask(second.url, "SELECT 1") == "1")
            try second.release()
            try first.release()
        }
    }

    @Test func unusableFolderIsAnErrorThatSaysWhatToDo() throws {
        let error = #expect(throws: EmbeddedClusterError.self) {
            _ = try EmbeddedCluster(dataFolder: "/dev/null/here").acquire()
        }
        #expect(error?.description.contains("/dev/null/here cannot be made") == true)
        let quoted = #expect(throws: EmbeddedClusterError.self) {
            _ = try EmbeddedCluster(dataFolder: "/tmp/a$b").acquire()
        }
        #expect(quoted?.message.contains("Choose another data folder") == true)
    }
}

/// Lends a fresh folder, and leaves neither a cluster nor a file behind.
private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = "/tmp/zimage-test-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? discard(folder) }
    try body(folder)
}

/// Stops the cluster of a data folder and removes all that belongs to it, also outside the folder.
private func discard(_ folder: String) throws {
    let cluster = EmbeddedCluster(dataFolder: folder)
    try cluster.stop()
    let socket = socketFolder(cluster.url)
    if socket.hasPrefix("/tmp/zimage-") { try? FileManager.default.removeItem(atPath: socket) }
    let home = URL(fileURLWithPath: folder + "/postgres").resolvingSymlinksInPath()
    try? FileManager.default.removeItem(at: home)
    try FileManager.default.removeItem(atPath: folder)
}

private func socketFolder(_ url: String) -> String {
    URLComponents(string: url)?.queryItems?.first { $0.name == "host" }?.value ?? ""
}

private func postmaster(_ folder: String) throws -> Int32 {
    let text = try String(contentsOfFile: folder + "/postgres/data/postmaster.pid", encoding: .utf8)
    return try #require(text.split(separator: "\n").first.flatMap { Int32($0) })
}

private struct QueryFailed: Error { let output: String }

/// Runs SQL by `psql` and returns its unaligned output.
private func ask(_ url: String, _ sql: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["psql", url, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw QueryFailed(output: output) }
    return output.trimmingCharacters(in: .whitespacesAndNewlines)
}

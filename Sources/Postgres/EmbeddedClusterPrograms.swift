import Foundation

/// PostgreSQL's own programs, and the settings that the cluster runs with.
struct ClusterPrograms {
    private static let common = "/usr/lib/postgresql"
    private static let needed = ["initdb", "pg_ctl", "postgres", "psql", "createdb", "pg_isready"]

    let folder: String
    let user: ClusterUser

    /// Finds the programs: those of the version that made the cluster, else where `pg_config` says, else the newest.
    static func find(for layout: ClusterLayout, _ user: ClusterUser) throws(EmbeddedClusterError) -> ClusterPrograms {
        var folders: [String] = []
        if let version = try? String(contentsOfFile: layout.data + "/PG_VERSION", encoding: .utf8) {
            folders.append(common + "/" + version.trimmingCharacters(in: .whitespacesAndNewlines) + "/bin")
        }
        let configured = try ClusterProcess.run(["pg_config", "--bindir"], timeoutSeconds: 10)
        if configured.status == 0 {
            folders.append(configured.output.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: common)) ?? []
        folders += versions.compactMap(Int.init).sorted(by: >).map { "\(common)/\($0)/bin" }
        let complete = folders.first { folder in
            needed.allSatisfy { FileManager.default.isExecutableFile(atPath: folder + "/" + $0) }
        }
        guard let complete else {
            throw EmbeddedClusterError("PostgreSQL's programs are not installed. Type: apt-get install postgresql")
        }
        return ClusterPrograms(folder: complete, user: user)
    }

    /// Runs one of the programs as the cluster's user.
    func run(
        _ program: String, _ arguments: [String], timeoutSeconds: Int
    ) throws(EmbeddedClusterError) -> ClusterProcess.Outcome {
        try user.run([folder + "/" + program] + arguments, timeoutSeconds: timeoutSeconds)
    }

    /// The text of the settings file that `postgresql.conf` includes.
    static func settings(socketFolder: String, durable: Bool) -> String {
        let onDisk = durable ? "on" : "off"
        return """
            # Written anew at every start; change ALTER SYSTEM settings instead.
            listen_addresses = ''
            port = \(ClusterLayout.port)
            unix_socket_directories = '\(socketFolder)'
            unix_socket_permissions = 0700
            fsync = \(onDisk)
            synchronous_commit = \(onDisk)
            full_page_writes = \(onDisk)
            max_connections = \(durable ? 100 : 500)
            shared_buffers = 256MB
            max_wal_size = 2GB
            checkpoint_timeout = 15min
            wal_compression = on
            random_page_cost = 1.1
            jit = off
            idle_in_transaction_session_timeout = 60s
            autovacuum_naptime = 10s
            autovacuum_vacuum_cost_limit = 2000
            timezone = 'UTC'
            log_timezone = 'UTC'
            # A statement's error goes to the client, which knows it. In the log its text, values and failing row
            # could hold a customer's prompt, so only the server's own messages are logged.
            logging_collector = off
            log_destination = 'stderr'
            log_min_messages = log
            log_min_error_statement = panic
            log_error_verbosity = terse
            log_statement = none
            log_parameter_max_length_on_error = 0
            log_parameter_max_length = 0
            log_min_duration_statement = -1

            """
    }
}

import Foundation

/// Where everything of one embedded cluster lies.
struct ClusterLayout {
    /// The place for clusters whose data folder the cluster's user cannot enter.
    static let commonFolder = "/var/lib/zimage"
    /// The port only names the socket file; nothing listens on a network.
    static let port = 5432
    /// The size of `sun_path`, less its closing zero.
    private static let socketPathLimitBytes = 107

    let dataFolder: String

    /// The cluster's folder, or a link to it.
    var link: String { dataFolder + "/postgres" }
    /// The cluster's folder with every link resolved, because the cluster's user may not be able to follow them.
    var folder: String { URL(fileURLWithPath: link).resolvingSymlinksInPath().path }
    /// PostgreSQL's own data directory.
    var data: String { folder + "/data" }
    var log: String { folder + "/postgres.log" }
    var usersLock: String { dataFolder + "/postgres.users" }
    var controlLock: String { dataFolder + "/postgres.control" }
    var workLock: String { dataFolder + "/postgres.work" }
    private var pin: String { dataFolder + "/postgres.pinned" }
    private var socketRecord: String { folder + "/socket-folder" }

    /// Whether a cluster was ever made here.
    var exists: Bool { FileManager.default.fileExists(atPath: data + "/PG_VERSION") }
    var isPinned: Bool { FileManager.default.fileExists(atPath: pin) }

    /// The folder of the socket inside the cluster's folder, or nil where no socket can have that path.
    private var nearSocketFolder: String? {
        let near = folder + "/run"
        // libpq takes a comma in a host, and PostgreSQL a comma or quote in its setting, for more than one name.
        guard !near.contains(where: { ",'".contains($0) }) else { return nil }
        return (near + "/.s.PGSQL.\(Self.port)").utf8.count <= Self.socketPathLimitBytes ? near : nil
    }

    /// The folder of the socket: in the cluster's folder, or the recorded one where that path is too long.
    var socketFolder: String {
        nearSocketFolder ?? (try? String(contentsOfFile: socketRecord, encoding: .utf8)) ?? folder + "/run"
    }

    var url: String {
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")
        let host = socketFolder.addingPercentEncoding(withAllowedCharacters: plain) ?? socketFolder
        return "postgresql:///zimage?host=\(host)&user=zimage_owner"
    }

    func makeDataFolder() throws(EmbeddedClusterError) {
        // pg_ctl builds a shell command from the path and quotes none of these.
        guard !dataFolder.contains(where: { "\"$`\\\n".contains($0) }) else {
            throw EmbeddedClusterError("The path \(dataFolder) has one of \" $ ` \\ in it. Choose another data folder.")
        }
        do {
            try FileManager.default.createDirectory(atPath: dataFolder, withIntermediateDirectories: true)
        } catch {
            throw EmbeddedClusterError("The folder \(dataFolder) cannot be made.", output: "\(error)")
        }
    }

    func setPinned(_ pinned: Bool) throws(EmbeddedClusterError) {
        guard pinned != isPinned else { return }
        let done = pinned ? FileManager.default.createFile(atPath: pin, contents: nil) : unlink(pin) == 0
        guard done else { throw EmbeddedClusterError("\(pin) cannot be changed: \(systemError()).") }
    }

    /// Makes the cluster's folder, here or in ``commonFolder``, and proves that its user can work in it.
    func makeFolder(_ user: ClusterUser) throws(EmbeddedClusterError) {
        var status = stat()
        if lstat(link, &status) != 0 { try makeOwned(link, user) }
        if try isUsable(user) { return }
        // Only a folder that holds nothing may move: rmdir refuses any other, and a link too.
        guard user.stepsDown, rmdir(link) == 0 else {
            throw EmbeddedClusterError(
                "The user \(user.name) cannot work in \(folder). Give that folder back to its user, or restore it, "
                    + "or choose another data folder.")
        }
        try makeParent(Self.commonFolder)
        // Random, not derived from the path: a data folder that was deleted and made anew must start empty.
        let home = Self.commonFolder + "/cluster-" + Self.randomName()
        try makeOwned(home, user)
        guard symlink(home, link) == 0 else {
            throw EmbeddedClusterError("\(link) cannot be made a link to \(home): \(systemError()).")
        }
        guard try isUsable(user) else {
            throw EmbeddedClusterError(
                "The user \(user.name) cannot enter \(home). Type: chmod 755 \(Self.commonFolder)")
        }
    }

    /// Makes sure that the socket's folder exists, belongs to the cluster's user and is closed to all others:
    /// whoever reaches the socket is the database's owner. A recorded folder that is gone or not ours is replaced.
    func makeSocketFolder(_ user: ClusterUser) throws(EmbeddedClusterError) {
        if isPrivate(socketFolder, user) { return }
        let fresh = nearSocketFolder ?? "/tmp/zimage-" + Self.randomName()
        let made = try user.shell("mkdir -- \"$1\"", [fresh])
        guard made.status == 0, isPrivate(fresh, user) else {
            throw EmbeddedClusterError(
                "The socket folder \(fresh) is not a folder of user \(user.name) with mode 700. Remove it.",
                output: made.output)
        }
        if nearSocketFolder == nil { try write(fresh, to: socketRecord, user) }
    }

    /// Replaces a small file in the cluster's folder as a whole, as the cluster's user.
    func write(_ text: String, to path: String, _ user: ClusterUser) throws(EmbeddedClusterError) {
        let outcome = try user.shell("printf %s \"$2\" > \"$1.new\" && mv -f -- \"$1.new\" \"$1\"", [path, text])
        guard outcome.status == 0 else {
            throw EmbeddedClusterError("\(path) cannot be written. Is the disk full?", output: outcome.output)
        }
    }

    private func isPrivate(_ path: String, _ user: ClusterUser) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFDIR && status.st_mode & 0o777 == 0o700 && status.st_uid == user.id
    }

    /// Tries as the cluster's user, because modes, access lists and mounts say it only together.
    private func isUsable(_ user: ClusterUser) throws(EmbeddedClusterError) -> Bool {
        try user.shell("cd -- \"$1\" && : > .usable && rm .usable", [folder]).status == 0
    }

    private func makeOwned(_ path: String, _ user: ClusterUser) throws(EmbeddedClusterError) {
        guard mkdir(path, 0o700) == 0, !user.stepsDown || chown(path, user.id, user.groupID) == 0 else {
            throw EmbeddedClusterError(
                "\(path) cannot be made: \(systemError()). Run as the owner of the folder, or choose another.")
        }
    }

    private func makeParent(_ path: String) throws(EmbeddedClusterError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        } catch {
            throw EmbeddedClusterError("The folder \(path) cannot be made.", output: "\(error)")
        }
    }

    private static func randomName() -> String { String(UInt64.random(in: .min ... .max), radix: 16) }
}

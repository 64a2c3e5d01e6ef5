/// Whose credits a cap, or whose requests and tasks a limit is about. The strictest wins, whichever it is.
public enum QuotaScope: String, Sendable, Codable, CaseIterable {
    /// One key.
    case key
    /// One account, all its keys together.
    case account
    /// All accounts of a user group together.
    case group
}

/// The time that a cap is about; it begins at midnight, or on the first, of the cap's time zone.
public enum QuotaWindow: String, Sendable, Codable, CaseIterable {
    case day, month
}

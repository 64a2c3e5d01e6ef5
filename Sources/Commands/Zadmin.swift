public import ArgumentParser

/// Everything that an operator does.
public struct Zadmin: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "zadmin", abstract: "Runs the image service: groups, prices, accounts, keys, credits, providers, reports.",
        subcommands: [
            Migrate.self, GroupCommand.self, PriceCommand.self, AccountCommand.self, KeyCommand.self,
            CreditsCommand.self, QuotaCommand.self, LimitCommand.self, Usage.self, StatementCommand.self, ReconcileCommand.self,
            TaskCommand.self, ProviderCommand.self, RouteCommand.self, CallbackCommand.self, ModerationCommand.self,
            AuditCommand.self, Doctor.self,
        ])

    /// Made by the argument parser.
    public init() {}
}

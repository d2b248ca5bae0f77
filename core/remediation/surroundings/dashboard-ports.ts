/** The dashboards on which a person watches single instances. */
export interface DashboardKeeper {
  /**
   * Lets a dashboard speak of the new instance wherever it names the old one. Doing it twice changes nothing.
   *
   * @returns false when there is no such dashboard, or it does not name the old instance
   */
  follow(dashboardName: string, oldInstanceId: string, newInstanceId: string): Promise<boolean>;
}
